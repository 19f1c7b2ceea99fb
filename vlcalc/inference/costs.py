"""What each phase costs: FLOPs in closed form, bytes and peak activations counted on meta."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from vlcalc.inference.blocks import Block, Phase, Run
from vlcalc.inference.load import Load
from vlcalc.inference.memory import saved_bytes


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
    """

    phase: Phase
    num_tokens: int | None
    flops: int | None
    moved_bytes: int | None = None
    peak_activation_bytes: int | None = None

    @property
    def intensity(self) -> float | None:
        """FLOPs for each byte moved."""
        return self.flops / self.moved_bytes if self.flops and self.moved_bytes else None


class BlockCost(NamedTuple):
    """What one run of a block moves and holds."""

    moved_bytes: int
    peak_activation_bytes: int


def block_cost(block: Block, load: Load) -> BlockCost:
    """Count one run of a block on the meta device; needs torch."""
    import torch

    from vlcalc.cost.trace import trace_operators

    module, inputs = block.build("meta")
    trace = trace_operators(
        module, inputs, attention=load.attention, dtype=getattr(torch, load.dtype)
    )
    first_cached = len(inputs) - block.num_cached_inputs
    cached_values = sum(each.numel() for each in inputs[first_cached:])
    # The cache is read once, in its own dtype; it is counted as cache, not as activations.
    narrower = cached_values * (load.dtype_bytes - load.kv_dtype_bytes)
    alive = trace.memory.input_bytes + trace.memory.peak_activation_bytes
    alive -= (cached_values - block.held_values) * load.dtype_bytes
    return BlockCost(
        moved_bytes=trace.moved_bytes - narrower - saved_bytes(block.linears, load),
        peak_activation_bytes=alive,
    )


def phase_cost(
    phase: Phase, runs: tuple[Run, ...] | None, num_tokens: int | None, load: Load, *, traced: bool
) -> PhaseCost:
    """Return what a phase costs.

    Args:
        phase: its name.
        runs: what runs in it; None where that is not known.
        num_tokens: what goes through it.
        load: the request.
        traced: whether to count bytes and activations too, which needs torch.
    """
    if runs is None:
        return PhaseCost(phase=phase, num_tokens=num_tokens, flops=None)
    flops = whole(sum((run.flops for run in runs), Fraction(0)))
    if not traced:
        return PhaseCost(phase=phase, num_tokens=num_tokens, flops=flops)
    moved, peak = Fraction(0), 0
    for run in runs:
        costs = [(block.num_repeats, block_cost(block, load)) for block in run.blocks]
        moved += run.num_runs * sum(number * cost.moved_bytes for number, cost in costs)
        peak = max([peak, *(cost.peak_activation_bytes for _, cost in costs)])
    return PhaseCost(
        phase=phase,
        num_tokens=num_tokens,
        flops=flops,
        moved_bytes=whole(moved),
        peak_activation_bytes=peak,
    )


def whole(value: Fraction) -> int:
    """Return a sum over stretches as the integer that it is."""
    assert value.denominator == 1, value
    return value.numerator
