"""The pieces of a model that are timed by themselves: what they are called, and what runs them.

An encoder is timed whole on each shape of its inputs; of the fusion method and the language model,
each block is. The whole language model on a prompt is timed besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from vlcalc.inference.blocks import Block, Phase, Run
from vlcalc.inference.inference import phase_runs
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
        blocks: where they are in their phase, as (run, block).
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
    runs = phase_runs(plan)[phase] or ()
    found: dict[str, Block] = {}
    for run in runs:
        for name, block in zip(_names(phase, run), run.blocks, strict=True):
            found.setdefault(name, block)
    return found


def _names(phase: Phase, run: Run) -> list[str]:
    """Return the names of a run's blocks; fusion methods on several shapes are numbered."""
    if phase != "fuse":
        return [f"{block.path} {phase}" for block in run.blocks]
    if len(run.blocks) == 1:
        return [run.blocks[0].path]
    return [f"{block.path}[{at}]" for at, block in enumerate(run.blocks)]


def pieces(plan: Plan, *, whole_prefill: bool) -> dict[Phase, tuple[Piece, ...] | None]:
    """Return what the phases of a load are made of; None where it is not known.

    Args:
        plan: what the load makes the model run.
        whole_prefill: whether the prompt's way through the language model is one piece.
    """
    found: dict[Phase, tuple[Piece, ...] | None] = {}
    for phase, runs in phase_runs(plan).items():
        if runs is None:
            found[phase] = None
        elif phase == "encode":
            found[phase] = tuple(_encoders(plan.encoder_calls, runs))
        else:
            found[phase] = tuple(_single(phase, runs, whole=whole_prefill and phase == "prefill"))
    return found


def _encoders(calls: Sequence[EncoderCall], runs: Sequence[Run]) -> Iterator[Piece]:
    for number, (call, run) in enumerate(zip(calls, runs, strict=True)):
        blocks = tuple((number, at) for at in range(len(run.blocks)))
        yield Piece(name=encoder_name(call), blocks=blocks)


def _single(phase: Phase, runs: Sequence[Run], *, whole: bool) -> Iterator[Piece]:
    for number, run in enumerate(runs):
        names = _names(phase, run)
        inside = [at for at, block in enumerate(run.blocks) if whole and _is_inside(block)]
        if inside:
            yield Piece(name=WHOLE_PREFILL, blocks=tuple((number, at) for at in inside))
        for at, block in enumerate(run.blocks):
            if at not in inside:
                yield Piece(
                    name=names[at],
                    blocks=((number, at),),
                    num_runs=run.num_runs * block.num_repeats,
                    num_layers=block.num_repeats,
                    flops=block.flops if number == 0 else None,
                )


def _is_inside(block: Block) -> bool:
    return block.path == _HEAD or block.path.startswith(_OWN_LAYERS)
