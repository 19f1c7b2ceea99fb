"""What a language model runs, and what it caches, whichever shape it has."""

from __future__ import annotations

from vlcalc.backbones.encoder_decoder import EncoderDecoder
from vlcalc.backbones.text_encoder import TextEncoder
from vlcalc.cost.components import shape_of
from vlcalc.inference.blocks import Run
from vlcalc.inference.encoder_decoder import (
    encoder_decoder_cache,
    encoder_decoder_decode,
    encoder_decoder_prefill,
)
from vlcalc.inference.generate import decode_runs, prefill_runs
from vlcalc.inference.plan import Plan
from vlcalc.inference.text import text_cache, text_decode, text_prefill


def language_prefill(plan: Plan) -> tuple[Run, ...] | None:
    """Return what the prompt runs; None where the language model's shape is not known.

    Raises:
        InputError: prompt and answer are longer than a table of positions.
    """
    shape = shape_of(plan.spec.language)
    if isinstance(shape, EncoderDecoder):
        return encoder_decoder_prefill(shape, plan)
    if isinstance(shape, TextEncoder):
        return text_prefill(shape, plan)
    return prefill_runs(shape, plan) if shape else None


def language_decode(plan: Plan) -> tuple[Run, ...] | None:
    """Return what the answer runs; None where the language model's shape is not known."""
    shape = shape_of(plan.spec.language)
    if isinstance(shape, EncoderDecoder):
        return encoder_decoder_decode(shape, plan)
    if isinstance(shape, TextEncoder):
        return text_decode(shape, plan)
    return decode_runs(shape, plan) if shape else None


def language_cache(plan: Plan) -> tuple[int, int] | None:
    """Return the bytes that are cached of the language model's sequence, and of a source.

    None where the language model's shape is not known.
    """
    shape, load = shape_of(plan.spec.language), plan.load
    if shape is None:
        return None
    if isinstance(shape, EncoderDecoder):
        return encoder_decoder_cache(shape, plan)
    if isinstance(shape, TextEncoder):
        return text_cache(shape, plan), 0
    positions = plan.sequence_length + plan.num_decoded
    own = shape.kv_cache_bytes(positions, load.batch_size, dtype_bytes=load.kv_dtype_bytes)
    return own, 0
