"""Run commands in turn and compare them: these machines are noisy, so only ratios are printed."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple


class Runs(NamedTuple):
    """Wall seconds of each run of one command."""

    seconds: list[float]

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)


def run_in_turn(commands: dict[str, Sequence[str]], rounds: int) -> dict[str, Runs]:
    """Run each command once to warm up, then `rounds` times in turn (A B C A B C ...)."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if number:
                found[name].append(time.perf_counter() - start)
    return {name: Runs(seconds) for name, seconds in found.items()}


def report(name: str, ratio: float, limit: float) -> bool:
    """Print a ratio against its limit and tell whether it is kept."""
    kept = ratio <= limit
    print(f"{name:<58} {ratio:6.2f}x  (at most {limit}x: {'kept' if kept else 'BROKEN'})")
    return kept


def peak_bytes_of_children() -> int:
    """Return the largest resident size of any child process so far."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * scale
