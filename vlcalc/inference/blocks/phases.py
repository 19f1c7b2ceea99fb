"""What runs in each of the four phases, as passes through blocks."""

from __future__ import annotations

from vlcalc.inference.blocks.block import COMPONENT_OF, Pass, Phase
from vlcalc.inference.blocks.decoder import DecoderBlocks
from vlcalc.inference.blocks.encode import encode_blocks
from vlcalc.inference.blocks.encoder_decoder import EncoderDecoderBlocks
from vlcalc.inference.blocks.fuse import fuse_blocks
from vlcalc.inference.blocks.language import LanguageBlocks
from vlcalc.inference.blocks.text import TextBlocks
from vlcalc.inference.plan import Plan


def phase_passes(plan: Plan) -> dict[Phase, tuple[Pass, ...] | None]:
    """Return what runs in each phase that the model has; None where it is not known.

    Raises:
        InputError: prompt and answer are longer than a table of positions.
    """
    language = language_blocks(plan)
    passes: dict[Phase, tuple[Pass, ...] | None] = {
        "encode": encode_passes(plan),
        "fuse": None if (blocks := fuse_blocks(plan)) is None else (Pass(blocks=blocks),),
        "prefill": None if language is None else language.prefill(),
        "decode": None if language is None else language.decode(),
    }
    components = plan.spec.components
    return {phase: runs for phase, runs in passes.items() if COMPONENT_OF[phase] in components}


def encode_passes(plan: Plan) -> tuple[Pass, ...] | None:
    """Return a pass for each encoder and shape of its inputs; None where one is not known."""
    passes = []
    for call in plan.encoder_calls:
        blocks = encode_blocks(call)
        if blocks is None:
            return None
        passes.append(Pass(blocks=blocks))
    return tuple(passes)


def language_blocks(plan: Plan) -> LanguageBlocks | None:
    """Return what has the blocks of a plan's language model; None where that is not known."""
    language = plan.spec.language
    if language.decoder:
        return DecoderBlocks(language.decoder, plan)
    if language.encoder_decoder:
        return EncoderDecoderBlocks(language.encoder_decoder, plan)
    if language.text_encoder:
        return TextBlocks(language.text_encoder, plan)
    return None
