"""What a block costs, read off its trace, and what a phase costs: the sum over its blocks.

FLOPs are closed forms and need no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from vlcalc.inference.blocks.block import Block, Pass, Phase
from vlcalc.inference.load import Load
from vlcalc.inference.memory import saved_bytes
from vlcalc.inference.traces import BlockTrace, traces_of

if TYPE_CHECKING:
    from vlcalc.cost.trace import Operator


@dataclass(frozen=True, slots=True)
class BlockCost:
    """What one run of a block costs under a load.

    Attributes:
        operators: what runs, with the bytes that a quantisation and a narrower cache leave.
        peak_activation_bytes: most bytes alive at once besides weights and cache.
    """

    block: Block
    operators: tuple[Operator, ...]
    peak_activation_bytes: int

    @property
    def moved_bytes(self) -> int:
        """Bytes that operators read and write, each its inputs and outputs once."""
        return sum(operator.moved_bytes for operator in self.operators)


@dataclass(frozen=True, slots=True)
class PassCost:
    """What the blocks of a pass cost, and how often it runs."""

    num_runs: Fraction
    blocks: tuple[BlockCost, ...]

    @property
    def moved_bytes(self) -> Fraction:
        """Bytes moved in all its runs."""
        one = sum(cost.block.num_repeats * cost.moved_bytes for cost in self.blocks)
        return self.num_runs * one


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseCost:
    """What a phase costs over the whole batch; None is unknown.

    Attributes:
        num_tokens: of the whole batch: positions that go through the encoder, vectors that leave
            the fusion, positions of all prompts, tokens decoded after the first.
        flops: FLOPs.
        moved_bytes: bytes that operators read and write, each its inputs and outputs once, weights
            included.
        peak_activation_bytes: most bytes alive at once besides weights and cache.
        passes: what these are the sums of; None where it was not traced.
    """

    phase: Phase
    num_tokens: int | None
    flops: int | None
    moved_bytes: int | None = None
    peak_activation_bytes: int | None = None
    passes: tuple[PassCost, ...] | None = None

    @property
    def intensity(self) -> float | None:
        """FLOPs for each byte moved."""
        return self.flops / self.moved_bytes if self.flops and self.moved_bytes else None


def phase_cost(
    phase: Phase,
    passes: tuple[Pass, ...] | None,
    num_tokens: int | None,
    load: Load,
    *,
    traced: bool,
) -> PhaseCost:
    """Return what a phase costs.

    Args:
        phase: its name.
        passes: what runs in it; None where that is not known.
        num_tokens: what goes through it.
        load: the request.
        traced: whether to count bytes and activations too, which needs torch.
    """
    if passes is None:
        return PhaseCost(phase=phase, num_tokens=num_tokens, flops=None)
    flops = _whole(sum((each.flops for each in passes), Fraction(0)))
    if not traced:
        return PhaseCost(phase=phase, num_tokens=num_tokens, flops=flops)
    costs = iter(block_costs([block for each in passes for block in each.blocks], load))
    pass_costs = tuple(
        PassCost(each.num_runs, tuple(next(costs) for _ in each.blocks)) for each in passes
    )
    peaks = [cost.peak_activation_bytes for each in pass_costs for cost in each.blocks]
    return PhaseCost(
        phase=phase,
        num_tokens=num_tokens,
        flops=flops,
        moved_bytes=_whole(sum((each.moved_bytes for each in pass_costs), Fraction(0))),
        peak_activation_bytes=max(peaks, default=0),
        passes=pass_costs,
    )


def block_costs(blocks: Sequence[Block], load: Load) -> list[BlockCost]:
    """Return what each block costs; needs torch."""
    traces = zip(blocks, traces_of(blocks, load), strict=True)
    return [
        BlockCost(
            block=block,
            operators=tuple(_lessened(block, trace, load)),
            peak_activation_bytes=_peak_bytes(block, trace, load),
        )
        for block, trace in traces
    ]


def block_peaks(blocks: Sequence[Block], load: Load) -> list[int]:
    """Return the peak activations of each block, in bytes; needs torch."""
    traces = zip(blocks, traces_of(blocks, load), strict=True)
    return [_peak_bytes(block, trace, load) for block, trace in traces]


def _peak_bytes(block: Block, trace: BlockTrace, load: Load) -> int:
    """Return the most bytes alive at once; what is cached is counted as cache."""
    beside = block.held_values - trace.cached_values
    return trace.alive_bytes + beside * load.dtype_bytes


def _lessened(block: Block, trace: BlockTrace, load: Load) -> Sequence[Operator]:
    """Return operators that read quantised weights and the cache in as many bytes as they have."""
    narrower = trace.cached_values * (load.dtype_bytes - load.kv_dtype_bytes)
    operators = _reading_less(trace.operators, saved_bytes(block.linears, load), _weight_bytes)
    return _reading_less(operators, narrower, _cached_bytes)


def _weight_bytes(operator: Operator) -> int:
    """Return the bytes of weights that a product reads; a router's few are taken for quantised."""
    return operator.weight_bytes if operator.product else 0


def _cached_bytes(operator: Operator) -> int:
    """Return what a product reads that is no weight: in attention, mostly the cache."""
    if operator.product is None or operator.weight_bytes or operator.kind == "convolution":
        return 0
    return operator.read_bytes


def _reading_less(
    operators: Sequence[Operator], saved: int, share_of: Callable[[Operator], int]
) -> Sequence[Operator]:
    """Return operators that read `saved` bytes less in all, each by its share."""
    shares = [share_of(operator) for operator in operators]
    total = sum(shares)
    if not saved or not total:
        return operators
    marks = [0, *(saved * part // total for part in accumulate(shares))]
    return [
        replace(operator, read_bytes=operator.read_bytes - (end - start))
        for operator, (start, end) in zip(operators, pairwise(marks), strict=True)
    ]


def _whole(value: Fraction) -> int:
    """Return a sum over stretches as the integer that it is."""
    assert value.denominator == 1, value
    return value.numerator
