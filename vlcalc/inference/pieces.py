"""The pieces of a model that are timed by themselves: what they are called, and what runs them.

An encoder is timed whole on each shape of its inputs; of the fusion method and the language model,
each block is. The whole language model on a prompt is timed besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from vlcalc.inference.blocks.block import Block, Pass, Phase
from vlcalc.inference.blocks.phases import phase_passes
from vlcalc.inference.load import Load
from vlcalc.inference.plan import EncoderCall, Plan
from vlcalc.runs.run import Conditions
from vlcalc.spec.schema import ModelSpec

WHOLE_PREFILL = "language prefill"
# What of a prompt is in it: not the embedding, nor what a fusion method inserts.
_OWN_LAYERS, _HEAD = "language.layers[", "language.head"


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """What one timing is of.

    Attributes:
        name: what the timing is kept under.
        blocks: where they are in their phase, as (pass, block).
        num_runs: how often the phase runs it.
        num_layers: how many equal layers stand for one; 1 where nothing is repeated.
        flops: of one run; None where they are not known to be those that are counted of it.
    """

    name: str
    blocks: tuple[tuple[int, int], ...]
    num_runs: Fraction = Fraction(1)
    num_layers: int = 1
    flops: int | None = None


def conditions_of(spec: ModelSpec, load: Load, plan: Plan | None = None) -> Conditions:
    """Return what a model's pieces are timed on; without a plan, no grid is known."""
    views = plan.budget.tiling.views if plan else ()
    return Conditions(
        model=spec.name,
        vision=spec.vision.name if spec.vision else "",
        language=spec.language.name,
        image=str(load.image),
        columns=views[0].columns if views else 0,
        rows=views[0].rows if views else 0,
        num_views=sum(view.number for view in views),
        text_tokens=load.text_tokens,
        batch_size=load.batch_size,
        dtype=load.dtype,
    )


def encoder_name(call: EncoderCall) -> str:
    """Return what an encoder is called on one shape of inputs: `clip-vit-l-14-336 2 x 24x24`."""
    return f"{call.vision.name} {call.batch_size} x {call.columns}x{call.rows}"


def named_blocks(plan: Plan, phase: Phase) -> dict[str, Block]:
    """Return the blocks of a phase after encode by name, the first where several have one."""
    blocks: dict[str, Block] = {}
    for passed in phase_passes(plan)[phase] or ():
        for name, block in zip(_names(phase, passed), passed.blocks, strict=True):
            blocks.setdefault(name, block)
    return blocks


def _names(phase: Phase, passed: Pass) -> list[str]:
    """Return the names of a pass's blocks; fusion methods on several shapes are numbered."""
    if phase != "fuse":
        return [f"{block.path} {phase}" for block in passed.blocks]
    if len(passed.blocks) == 1:
        return [passed.blocks[0].path]
    return [f"{block.path}[{at}]" for at, block in enumerate(passed.blocks)]


def pieces(plan: Plan, *, whole_prefill: bool) -> dict[Phase, tuple[Piece, ...] | None]:
    """Return what the phases of a load are made of; None where it is not known.

    Args:
        plan: what the load makes the model run.
        whole_prefill: whether the prompt's way through the language model is one piece.
    """
    by_phase: dict[Phase, tuple[Piece, ...] | None] = {}
    for phase, passes in phase_passes(plan).items():
        if passes is None:
            by_phase[phase] = None
        elif phase == "encode":
            by_phase[phase] = tuple(_encoders(plan.encoder_calls, passes))
        else:
            whole = whole_prefill and phase == "prefill"
            by_phase[phase] = tuple(_single(phase, passes, whole=whole))
    return by_phase


def _encoders(calls: Sequence[EncoderCall], passes: Sequence[Pass]) -> Iterator[Piece]:
    for number, (call, passed) in enumerate(zip(calls, passes, strict=True)):
        blocks = tuple((number, at) for at in range(len(passed.blocks)))
        yield Piece(name=encoder_name(call), blocks=blocks)


def _single(phase: Phase, passes: Sequence[Pass], *, whole: bool) -> Iterator[Piece]:
    for number, passed in enumerate(passes):
        names = _names(phase, passed)
        inside = [at for at, block in enumerate(passed.blocks) if whole and _is_inside(block)]
        if inside:
            yield Piece(name=WHOLE_PREFILL, blocks=tuple((number, at) for at in inside))
        for at, block in enumerate(passed.blocks):
            if at not in inside:
                yield Piece(
                    name=names[at],
                    blocks=((number, at),),
                    num_runs=passed.num_runs * block.num_repeats,
                    num_layers=block.num_repeats,
                    flops=block.flops if number == 0 else None,
                )


def _is_inside(block: Block) -> bool:
    return block.path == _HEAD or block.path.startswith(_OWN_LAYERS)
