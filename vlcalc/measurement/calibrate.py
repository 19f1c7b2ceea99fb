"""Measure the rates of a device by micro-benchmarks, in under a minute.

Every benchmark is measured once before any is measured again, so that what else the machine does
at one moment does not fall on one operator alone; the median round counts.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import product as combinations
from statistics import median

import torch

from vlcalc.core.dtypes import DTYPE_BYTES
from vlcalc.measurement.clocks import CLOCKS, in_tf32
from vlcalc.measurement.detect import cpu_name
from vlcalc.measurement.microbenchmark import Buffer, CpuTimeClock, RateGrid, Sizes, Timer
from vlcalc.measurement.pass_benchmarks import passes
from vlcalc.measurement.probes import probe
from vlcalc.measurement.product_benchmarks import convolutions, products
from vlcalc.spec.calibration import Axis, Calibration, RateTable

OnProgress = Callable[[int, int, str], None]

ROUNDS = 3
# After this time nothing is measured again that was measured before.
BUDGET_S = 45.0
# A time from which a start is taken off is never shorter than this share of one.
MIN_STARTS = 0.25
# What torch raises for what a device cannot do, or has no memory for.
CANNOT = (RuntimeError, TypeError, NotImplementedError, MemoryError)


@dataclass(slots=True)
class Point:
    """One operator at some sizes, and what each round of it took; None: it does not run."""

    grid: RateGrid
    sizes: Sizes
    rounds: list[float] | None = field(default_factory=list)


def measure_rates(
    device: str, *, on_progress: OnProgress | None = None, rounds: int = ROUNDS
) -> Calibration:
    """Measure a device: with the threads that torch has, in every dtype that it can run.

    Args:
        device: `cpu`, `cuda` or `mps`.
        on_progress: is told how many of how many benchmarks are done, and what is measured now.
        rounds: how often everything is measured, as far as a minute lasts.
    """
    threads = torch.get_num_threads()
    timer = Timer(CpuTimeClock() if device == "cpu" and threads == 1 else CLOCKS[device]())
    points = {dtype: _points(device, dtype) for dtype in _dtypes(device)}
    with torch.inference_mode():
        probed = probe(device, timer)
        _measure(points, device, timer, rounds, on_progress)
    rates = {dtype: _tables(each, probed.start_s) for dtype, each in points.items()}
    return Calibration(
        machine=torch.cuda.get_device_name() if device == "cuda" else cpu_name(),
        date=datetime.now(timezone.utc).date().isoformat(),
        torch=torch.__version__,
        threads=threads,
        tf32=in_tf32(device),
        operator_s=probed.operator_s,
        fresh=probed.fresh,
        cache_bytes=probed.cache_bytes,
        flops_per_s={dtype: _peak(tables) for dtype, tables in rates.items() if "addmm" in tables},
        bandwidth_bytes_per_s=probed.bandwidth_bytes_per_s,
        rates={dtype: tables for dtype, tables in rates.items() if tables},
    )


def _dtypes(device: str) -> list[str]:
    """Return what models run in on a device; float16 has no products of its own on CPUs."""
    return [dtype for dtype in DTYPE_BYTES if (device, dtype) != ("cpu", "float16")]


def _points(device: str, dtype: str) -> list[Point]:
    large = device != "cpu"
    measured = [
        *products(large=large),
        *convolutions(),
        *passes(large=large, itemsize=DTYPE_BYTES[dtype]),
    ]
    return [Point(grid, sizes) for grid in measured for sizes in _combinations(grid)]


def _combinations(grid: RateGrid) -> Iterator[Sizes]:
    for values in combinations(*grid.axes.values()):
        yield dict(zip(grid.axes, values, strict=True))


def _measure(
    points: dict[str, list[Point]],
    device: str,
    timer: Timer,
    rounds: int,
    on_progress: OnProgress | None,
) -> None:
    """Measure all points, in rounds; only the first is sure to be finished."""
    total = rounds * sum(len(each) for each in points.values())
    done, began = 0, time.perf_counter()
    for round_ in range(rounds):
        for dtype, of_dtype in points.items():
            buffer = _buffer(device, dtype)
            for point in of_dtype:
                done += 1
                if round_ and time.perf_counter() - began > BUDGET_S:
                    continue
                if on_progress:
                    on_progress(done, total, f"{dtype} {point.grid.name}")
                _measure_point(point, buffer, timer)
            del buffer
            gc.collect()


def _buffer(device: str, dtype: str) -> Buffer | None:
    """Return operands of a dtype; None where the device has no such dtype."""
    try:
        return Buffer(device, getattr(torch, dtype))
    except CANNOT:
        return None


def _measure_point(point: Point, buffer: Buffer | None, timer: Timer) -> None:
    if point.rounds is None or buffer is None:
        point.rounds = None
        return
    buffer.restart()
    try:
        point.rounds.append(timer.seconds(point.grid.make(buffer, point.sizes)))
    except CANNOT:
        point.rounds = None


def _tables(measured: list[Point], start_s: float) -> dict[str, RateTable]:
    """Return the rates of the operators that ran at all sizes."""
    by_grid: dict[str, list[Point]] = {}
    for point in measured:
        by_grid.setdefault(point.grid.name, []).append(point)
    return {
        name: RateTable(
            axes=tuple(Axis(of=of, sizes=sizes) for of, sizes in points[0].grid.axes.items()),
            rates=tuple(_rate(point, start_s) for point in points),
        )
        for name, points in by_grid.items()
        if all(point.rounds for point in points)
    }


def _rate(point: Point, start_s: float) -> float:
    """Return FLOP/s or bytes/s, without what starting the operator takes."""
    seconds = median(point.rounds or [0.0])
    work = point.grid.work(point.sizes) if point.grid.work else point.sizes["bytes"]
    rate = work / max(seconds - start_s, MIN_STARTS * start_s, 1e-9)
    return float(f"{rate:.4g}")


def _peak(tables: dict[str, RateTable]) -> float:
    names = [name for name in ("addmm", "bmm") if name in tables]
    return max(max(tables[name].rates) for name in names)
