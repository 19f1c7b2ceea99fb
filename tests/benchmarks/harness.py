"""The harness against torch's own timer on the same callables, in turn, and what it costs itself.

Both read the time that this process computes, on one thread, as other programs do not lengthen it.

Run: python -m tests.benchmarks.harness
"""

from __future__ import annotations

import sys
import time
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.benchmark import Timer

from vlcalc.measurement.clocks import CLOCKS
from vlcalc.measurement.harness import time_calls
from vlcalc.measurement.microbenchmark import CpuTimeClock

CPU_TIME = "cpu time"
ROUNDS = 15
MIN_TIME_S = 0.3
MAX_DIFFERENCE = 0.03
MAX_OVERHEAD = 0.05


class Subject(NamedTuple):
    """A callable and its input."""

    name: str
    module: nn.Module
    x: Tensor


class Round(NamedTuple):
    """One round: both medians, and processor seconds of the harness and of its calls alone."""

    harness_s: float
    timer_s: float
    whole_s: float
    calls_s: float


def subjects() -> list[Subject]:
    """Return callables from tens of microseconds to milliseconds."""
    layer = nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True, norm_first=True)
    return [
        Subject("linear 256", nn.Linear(256, 256), torch.randn(16, 256)),
        Subject("linear 1024", nn.Linear(1024, 1024), torch.randn(32, 1024)),
        Subject("gelu", nn.GELU(), torch.randn(256, 1024)),
        Subject("encoder layer", layer.eval(), torch.randn(1, 64, 256)),
        Subject("linear 2048", nn.Linear(2048, 2048), torch.randn(64, 2048)),
    ]


def one_round(subject: Subject) -> Round:
    """Time a subject with both, one right after the other, then its calls in a plain loop."""
    num_calls = 0

    def call(x: Tensor) -> Tensor:
        nonlocal num_calls
        num_calls += 1
        out: Tensor = subject.module(x)
        return out

    start = time.process_time()
    timing = time_calls(call, [(subject.x,)], device=CPU_TIME, min_time_s=MIN_TIME_S)
    whole_s = time.process_time() - start
    counted = num_calls
    with torch.inference_mode():
        names = {"call": call, "x": subject.x}
        timer = Timer("call(x)", globals=names, num_threads=1, timer=time.process_time)
        found = timer.blocked_autorange(min_run_time=MIN_TIME_S)
        start = time.process_time()
        for _ in range(counted):
            call(subject.x)
        calls_s = time.process_time() - start
    return Round(timing.median_s, found.median, whole_s, calls_s)


def main() -> None:
    """Print the ratios and exit with 1 when one is over its limit."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    CLOCKS[CPU_TIME] = CpuTimeClock
    kept = True
    print(f"{'callable':16} {'harness':>11} {'torch':>11} {'ratio':>7} {'overhead':>9}")
    for subject in subjects():
        rounds = [one_round(subject) for _ in range(ROUNDS)]
        harness_s = median(each.harness_s for each in rounds)
        timer_s = median(each.timer_s for each in rounds)
        ratio = median(each.harness_s / each.timer_s for each in rounds)
        overhead = median(each.whole_s / each.calls_s for each in rounds) - 1
        kept &= abs(ratio - 1) <= MAX_DIFFERENCE and overhead <= MAX_OVERHEAD
        print(
            f"{subject.name:16} {harness_s * 1e6:>8,.1f} us {timer_s * 1e6:>8,.1f} us"
            f" {ratio:>6.3f}x {overhead:>+9.2%}"
        )
    print(
        f"medians within {MAX_DIFFERENCE:.0%} of torch's, overhead at most {MAX_OVERHEAD:.0%}: "
        f"{'kept' if kept else 'BROKEN'}"
    )
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
