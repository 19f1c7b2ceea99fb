"""The measured points next to a size: nearest series first, then the nearest in each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from math import dist
from operator import itemgetter
from typing import Any

from vlcalc.serving.kernels.kriging import Position
from vlcalc.serving.kernels.shapes import KERNELS, Kernel
from vlcalc.spec.kernel_tables import KernelTable

NUM_NEIGHBOURS = 16
NUM_SERIES = 16
# Of a series, points on either side.
NUM_PER_SIDE = 3


@dataclass(frozen=True, slots=True)
class TimedKernel:
    """One measurement."""

    shape: Kernel
    position: Position
    seconds: float


@dataclass(slots=True)
class Series:
    """Measurements of which one size alone differs; `position` is without it."""

    shape: dict[str, Any]
    position: Position
    values: list[int]
    seconds: list[float]
    points: dict[int, TimedKernel] = field(default_factory=dict)


class PointIndex:
    """The points of a table by their position."""

    def __init__(self, table: KernelTable) -> None:
        self.table = table
        self.kind = KERNELS[table.kernel]
        names = self.kind.__dataclass_fields__
        variant = next((name for name in ("dtype", "kv_dtype", "operation") if name in names), "")
        self._fixed: dict[str, Any] = {variant: table.variant} if variant else {}
        self.series = list(self._series())
        self._axis = self._axis_of_position()
        for series in self.series:
            series.position = self._without_axis(series.position)
        self.bounds = self._bounds()

    def _series(self) -> Iterator[Series]:
        for key, times in self.table.series:
            measured = [
                (value, seconds)
                for value, seconds in zip(self.table.axis_values, times, strict=False)
                if seconds is not None
            ]
            if measured:
                shape = {**self._fixed, **dict(zip(self.table.keys, key, strict=True))}
                values, seconds_of = map(list, zip(*measured, strict=True))
                position = self.kind(**shape, **{self.table.axis: values[0]}).position
                yield Series(shape, position, values, seconds_of)

    def _axis_of_position(self) -> int:
        """Return which coordinate the axis is."""
        shape = self.series[0].shape
        low, high = (self.kind(**shape, **{self.table.axis: size}).position for size in (4, 8))
        return next(i for i, (a, b) in enumerate(zip(low, high, strict=True)) if a != b)

    def _without_axis(self, position: Position) -> Position:
        return position[: self._axis] + position[self._axis + 1 :]

    def _bounds(self) -> dict[str, tuple[float, float]]:
        """Return the least and largest of each size in the table."""
        sizes = [series.shape for series in self.series]
        bounds = {
            name: (min(shape[name] for shape in sizes), max(shape[name] for shape in sizes))
            for name in self.table.keys
        }
        values = [series.values for series in self.series]
        ends = min(value[0] for value in values), max(value[-1] for value in values)
        return {**bounds, self.table.axis: ends}

    def nearest(self, shape: Kernel) -> list[TimedKernel]:
        """Return the points nearest to a size, the nearest first."""
        position = shape.position
        keys = self._without_axis(position)
        ranked = sorted(
            ((dist(series.position, keys), series) for series in self.series), key=itemgetter(0)
        )
        value = getattr(shape, self.table.axis)
        candidates = [
            (dist(point.position, position), point)
            for _, series in ranked[:NUM_SERIES]
            for point in self._around(series, value)
        ]
        candidates.sort(key=itemgetter(0))
        return [point for _, point in candidates[:NUM_NEIGHBOURS]]

    def _around(self, series: Series, value: int) -> Iterator[TimedKernel]:
        at = bisect_left(series.values, value)
        for i in range(max(at - NUM_PER_SIDE, 0), min(at + NUM_PER_SIDE, len(series.values))):
            if i not in series.points:
                shape = self.kind(**series.shape, **{self.table.axis: series.values[i]})
                series.points[i] = TimedKernel(shape, shape.position, series.seconds[i])
            yield series.points[i]


@lru_cache(maxsize=128)
def point_index(table: KernelTable) -> PointIndex:
    """Return the points of a table, indexed once."""
    return PointIndex(table)
