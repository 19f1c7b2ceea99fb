"""How far predictions are off on measurements that they were not made from.

A measurement's half is the lowest bit of a hash of its sizes: nothing about its time decides it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from statistics import mean, median
from typing import NamedTuple

from vlcalc.serving.kernels.neighbours import PointIndex, TimedKernel
from vlcalc.serving.kernels.predict import predict_from, table_peaks
from vlcalc.serving.kernels.shapes import Kernel
from vlcalc.spec.kernel_tables import KernelTable


class ErrorSummary(NamedTuple):
    """Errors of predictions, as shares of what was measured.

    Attributes:
        mean: of their sizes.
        median: of their sizes.
        bias: mean with their signs.
        num_points: how many there are.
    """

    mean: float
    median: float
    bias: float
    num_points: int


def summarise_errors(errors: list[float]) -> ErrorSummary:
    """Return how large errors are; there is at least one."""
    sizes = [abs(error) for error in errors]
    return ErrorSummary(mean(sizes), median(sizes), mean(errors), len(errors))


def held_out_errors(table: KernelTable) -> tuple[ErrorSummary, ErrorSummary]:
    """Return errors on one half of a table, predicted from the other: ours, the flat roofline's."""
    known, peaks = half(table, 1), table_peaks(table)
    ours, flat = [], []
    for point in all_points(half(table, 0)):
        ours.append(predict_from(known, point.shape, peaks).seconds / point.seconds - 1)
        flat.append(peaks.flat_s(point.shape) / point.seconds - 1)
    return summarise_errors(ours), summarise_errors(flat)


def half(table: KernelTable, which: int) -> KernelTable:
    """Return a table with the measurements of half 0 or 1 alone."""
    series = []
    for key, times in table.series:
        shapes = (
            dict(zip((*table.keys, table.axis), (*key, value), strict=True))
            for value in table.axis_values
        )
        kept = (
            seconds if _half_of(table, shape) == which else None
            for shape, seconds in zip(shapes, times, strict=False)
        )
        series.append((key, tuple(kept)))
    return replace(table, series=tuple(series))


def _half_of(table: KernelTable, sizes: dict[str, int]) -> int:
    text = ",".join(f"{name}={sizes[name]}" for name in sorted(sizes))
    return sha256(f"{table.kernel},{table.variant},{text}".encode()).digest()[0] & 1


def all_points(table: KernelTable) -> Iterator[TimedKernel]:
    """Yield every measurement of a table."""
    index = PointIndex(table)
    for series in index.series:
        for value, seconds in zip(series.values, series.seconds, strict=True):
            shape: Kernel = index.kind(**series.shape, **{table.axis: value})
            yield TimedKernel(shape, shape.position, seconds)
