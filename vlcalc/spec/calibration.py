"""What was measured of a device: the rates that a prediction uses in place of its peaks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import product
from math import exp, log, prod
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from vlcalc.core.bounds import Amount, PositiveFloat, PositiveInt, Rate
from vlcalc.tiling.base import Frozen


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if list(values) != sorted(set(values)):
        raise PydanticCustomError("rising", "expected values that rise along an axis")
    return values


Rising = Annotated[tuple[PositiveFloat, ...], Field(min_length=1), AfterValidator(_rising)]
Quantity = Literal["batch", "rows", "columns", "inner", "bytes", "run", "width", "factor"]


class Axis(Frozen):
    """What was varied, and the values that were measured.

    Attributes:
        of: of a product its `batch`, `rows`, `columns` and `inner` size; of others the `bytes` in
            and out, the bytes of a `run` side by side, the `width` of a row, the `factor` by which
            less goes out than comes in.
    """

    of: Quantity
    sizes: Rising


class RateTable(Frozen):
    """Rates over a grid of sizes, the last axis running fastest.

    Attributes:
        rates: one for each point of the grid: FLOP/s of a product, bytes/s of other operators.
    """

    axes: tuple[Axis, ...]
    rates: tuple[Rate, ...]

    @model_validator(mode="after")
    def _check(self) -> RateTable:
        points = prod(len(axis.sizes) for axis in self.axes)
        if points != len(self.rates):
            raise PydanticCustomError(
                "grid",
                "expected {points} rates, one for each point of the axes, got {rates}",
                {"points": points, "rates": len(self.rates)},
            )
        return self

    def rate(self, **sizes: float) -> float:
        """Return the rate at sizes: linear between points on logarithmic axes, flat outside."""
        ends = [_ends(axis.sizes, sizes[axis.of]) for axis in self.axes]
        lengths = [len(axis.sizes) for axis in self.axes]
        total = 0.0
        for corner in product(*ends):
            weight = prod(share for _, share in corner)
            at = _flat([index for index, _ in corner], lengths)
            total += weight * log(self.rates[at]) if weight else 0.0
        return exp(total)


def _flat(indices: Sequence[int], lengths: Sequence[int]) -> int:
    at = 0
    for index, length in zip(indices, lengths, strict=True):
        at = at * length + index
    return at


def _ends(axis: Sequence[float], size: float) -> tuple[tuple[int, float], ...]:
    """Return the points of an axis on both sides of a size, and how much each counts."""
    if size <= axis[0]:
        return ((0, 1.0),)
    if size >= axis[-1]:
        return ((len(axis) - 1, 1.0),)
    above = bisect_right(axis, size)
    low, high = log(axis[above - 1]), log(axis[above])
    share = (log(size) - low) / (high - low)
    return (above - 1, 1 - share), (above, share)


class FreshMemory(Frozen):
    """What the first touch of memory costs that an allocator asks the system for.

    Attributes:
        min_bytes: outputs of at least this size are fresh each time.
        bytes_per_s: at which their pages come, besides what the operator takes.
    """

    min_bytes: Amount
    bytes_per_s: Rate


class Calibration(Frozen):
    """Rates measured on one machine; which, and when, stands with them.

    Attributes:
        machine: the device as its driver calls it.
        date: of the measurement, as in 2026-01-31.
        torch: its version.
        threads: of the CPU.
        tf32: whether products of float32 ran in TF32.
        operator_s: what every operator takes besides.
        fresh: of big outputs; None where their size does not matter.
        cache_bytes: weights up to this size stay in a cache of a module that runs again and again;
            None where none do.
        flops_per_s: the highest rate of matrix products by dtype.
        bandwidth_bytes_per_s: of a copy that no cache holds.
        rates: by dtype and then by operator: its name, that of a variant behind a slash.
    """

    machine: str = ""
    date: str
    torch: str = ""
    threads: PositiveInt | None = None
    tf32: bool = False
    operator_s: float = Field(default=0.0, ge=0, le=3600)
    fresh: FreshMemory | None = None
    cache_bytes: Amount | None = None
    flops_per_s: dict[str, Rate] = Field(default_factory=dict)
    bandwidth_bytes_per_s: Rate | None = None
    rates: dict[str, dict[str, RateTable]] = Field(default_factory=dict)
