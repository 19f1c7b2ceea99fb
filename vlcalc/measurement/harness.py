"""Time a callable: warm, over several sets of inputs, in blocks, with its spread.

A block holds so many calls that reading the clock costs nothing beside them. The median of the
blocks is what counts; other work on the machine moves a mean far more.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, repeat
from math import ceil
from statistics import median, quantiles
from typing import Any

import torch
from torch import Tensor

from vlcalc.measurement.clocks import CLOCKS, Call, Clock
from vlcalc.runs.run import NOISY_SHARE

MIN_BLOCKS = 5
# Fewer blocks do where they last this many times the time that was asked for.
LONG = 2
MIN_LONG_BLOCKS = 3

Inputs = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one call, over the blocks that were timed.

    Attributes:
        median_s: of the blocks.
        iqr_s: between their quartiles.
        min_s: of the fastest block.
        num_runs: calls that were timed.
    """

    median_s: float
    iqr_s: float
    min_s: float
    num_runs: int

    @property
    def noisy(self) -> bool:
        """Whether the quartiles lie further apart than a tenth of the median."""
        return self.iqr_s > NOISY_SHARE * self.median_s


@dataclass(frozen=True, slots=True)
class TimedBlock:
    """What is timed as one.

    Attributes:
        first_s: seconds of a block of one call that has run already; None of a longer one.
    """

    run: Call
    num_calls: int
    first_s: float | None = None


def time_calls(
    call: Callable[..., Any],
    input_sets: Sequence[Inputs] = ((),),
    *,
    device: str = "cpu",
    min_time_s: float = 0.2,
    warmups: int = 2,
) -> Timing:
    """Time a callable on a device, without gradients.

    Args:
        call: what is timed; its results are let go of.
        input_sets: its positional arguments, taken in turn so that no cache keeps them.
        device: `cpu`, `cuda` or `mps`.
        min_time_s: what the timed blocks last together at least. At least five are timed; three
            where they last twice as long.
        warmups: calls before the first that is timed.
    """
    clock = CLOCKS[device]()
    calls = [partial(call, *inputs) for inputs in input_sets]
    turns = cycle(calls)
    with torch.inference_mode(), _collector_paused():
        _take(turns, warmups)
        block = _block(calls, turns, clock)
        seconds = list(_timed(block, clock, min_time_s))
    return _timing(seconds, block.num_calls)


def _block(calls: Sequence[Call], turns: Iterator[Call], clock: Clock) -> TimedBlock:
    """Return a block that lasts long enough for the clock."""
    call_s = _estimated_s(partial(_take, turns, 1), clock)
    if call_s < clock.record_below_s and (replay := clock.record(calls)):
        times = _times(_estimated_s(replay, clock), clock)
        return TimedBlock(partial(_take, repeat(replay), times), times * len(calls))
    times = _times(call_s, clock)
    return TimedBlock(partial(_take, turns, times), times, call_s if times == 1 else None)


def _estimated_s(run: Call, clock: Clock) -> float:
    """Return the seconds of a run; a short one is run again, as the first is often slower."""
    first_s = clock.seconds(run)
    return first_s if first_s > clock.min_block_s else min(clock.seconds(run) for _ in range(3))


def _times(run_s: float, clock: Clock) -> int:
    return max(1, ceil(clock.min_block_s / max(run_s, 1e-9)))


def _take(turns: Iterator[Call], times: int) -> None:
    for call in islice(turns, times):
        call()


def _timed(block: TimedBlock, clock: Clock, min_time_s: float) -> Iterator[float]:
    """Yield the seconds of one call of each block, until the blocks have lasted long enough."""
    spent_s, blocks = 0.0, 0
    while not _enough(spent_s / min_time_s, blocks):
        block_s = clock.seconds(block.run) if blocks or block.first_s is None else block.first_s
        spent_s, blocks = spent_s + block_s, blocks + 1
        yield block_s / block.num_calls


def _enough(share: float, blocks: int) -> bool:
    if share >= LONG:
        return blocks >= MIN_LONG_BLOCKS
    return share >= 1 and blocks >= MIN_BLOCKS


def _timing(seconds: list[float], num_calls: int) -> Timing:
    lower, _, upper = quantiles(seconds, n=4, method="inclusive")
    return Timing(
        median_s=median(seconds),
        iqr_s=upper - lower,
        min_s=min(seconds),
        num_runs=len(seconds) * num_calls,
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from looking for garbage in the middle of a block."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
