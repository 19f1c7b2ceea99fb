"""Arithmetic between recomputed figures, and figures that only a source can give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vlcalc.audit.precision import Number
from vlcalc.audit.recompute import RECOMPUTATIONS


@RECOMPUTATIONS.register("ratio")
def ratio(of: Number, to: Number) -> float:
    """Return how many times one figure is another."""
    return of / to


@RECOMPUTATIONS.register("percent")
def percent(of: Number, to: Number) -> float:
    """Return a figure as percent of another."""
    return 100 * of / to


@RECOMPUTATIONS.register("total")
def total(of: Sequence[Number]) -> Number:
    """Return the sum of figures."""
    return sum(of)


@RECOMPUTATIONS.register("product")
def product(of: Sequence[Number]) -> Number:
    """Return the product of figures."""
    return math.prod(of)


@RECOMPUTATIONS.register("difference")
def difference(of: Number, less: Number) -> Number:
    """Return what is left of a figure."""
    return of - less


@RECOMPUTATIONS.register("sums_to_one")
def sums_to_one(of: Sequence[Number], digits: int = 2) -> bool:
    """Tell whether shares sum to 1, as far as their rounding to some digits lets one say."""
    half_unit = 0.5 * 0.1**digits
    return abs(sum(of) - 1) <= len(of) * half_unit


@RECOMPUTATIONS.register("gains")
def gains(before: dict[str, Number], after: dict[str, Number], source: str) -> dict[str, float]:
    """Return what each score of a source gained; scores are measured, not computed here.

    Args:
        before: score by benchmark.
        after: the same benchmarks.
        source: who printed both.
    """
    _check_source(source)
    return {name: round(after[name] - before[name], 10) for name in before}


@RECOMPUTATIONS.register("stated")
def stated(value: Any, source: str) -> Any:
    """Return what a source says of how something was trained: no figure of an architecture."""
    _check_source(source)
    return value


def _check_source(source: str) -> None:
    if not source:
        raise ValueError("what is not computed needs a source")
