"""The operators of each phase, with the bytes that a quantisation and a narrower cache leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from vlcalc.inference.blocks import Block, Phase
from vlcalc.inference.inference import phase_runs
from vlcalc.inference.load import Load
from vlcalc.inference.memory import saved_bytes
from vlcalc.inference.plan import Plan

if TYPE_CHECKING:
    from vlcalc.cost.trace import Operator


class TracedBlock(NamedTuple):
    """What one run of a block runs, and how often it runs."""

    num_repeats: int
    operators: tuple[Operator, ...]


class TracedRun(NamedTuple):
    """Blocks in a row, and how often they run like this."""

    num_runs: Fraction
    blocks: tuple[TracedBlock, ...]


def trace_phases(plan: Plan) -> dict[Phase, tuple[TracedRun, ...] | None]:
    """Trace each block of each phase once on the meta device; None where a phase is not known."""
    return {
        phase: None
        if runs is None
        else tuple(
            TracedRun(run.num_runs, tuple(_traced(block, plan.load) for block in run.blocks))
            for run in runs
        )
        for phase, runs in phase_runs(plan).items()
    }


def _traced(block: Block, load: Load) -> TracedBlock:
    import torch

    from vlcalc.cost.trace import trace_operators

    module, inputs = block.build("meta")
    operators: Sequence[Operator] = trace_operators(
        module, inputs, attention=load.attention, dtype=getattr(torch, load.dtype)
    ).operators
    first_cached = len(inputs) - block.num_cached_inputs
    cached_values = sum(each.numel() for each in inputs[first_cached:])
    narrower = cached_values * (load.dtype_bytes - load.kv_dtype_bytes)
    operators = _lessened(operators, saved_bytes(block.linears, load), _quantised_bytes)
    return TracedBlock(block.num_repeats, tuple(_lessened(operators, narrower, _cached_bytes)))


def _quantised_bytes(operator: Operator) -> int:
    """Return the bytes of weights that a product reads; a router's few are taken for quantised."""
    return operator.weight_bytes if operator.product else 0


def _cached_bytes(operator: Operator) -> int:
    """Return what a product reads that is no weight: in attention, mostly the cache."""
    if operator.product is None or operator.weight_bytes or operator.kind == "convolution":
        return 0
    return operator.read_bytes


def _lessened(
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
