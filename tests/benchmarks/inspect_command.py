"""`vlcalc inspect` of a 90B model against importing torch and fvcore: seconds and peak memory.

Run: python -m tests.benchmarks.inspect_command
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.benchmarks.compare import report

ROUNDS = 7
IMPORTS = [sys.executable, "-W", "ignore", "-c", "import torch, fvcore.nn"]
MODEL = "llama-3.2-90b-vision-instruct"
INSPECT = [sys.executable, "-m", "vlcalc", "inspect", MODEL, "--image", "1120x1120"]


def measured(command: Sequence[str]) -> tuple[float, int]:
    """Return the wall seconds and the largest resident size (as the system counts) of a run."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command} failed")
    return time.perf_counter() - start, usage.ru_maxrss


def main() -> None:
    """Print both ratios and exit with 1 when one is over its limit."""
    runs: dict[str, list[tuple[float, int]]] = {"imports": [], "inspect": []}
    for number in range(ROUNDS + 1):
        for name, command in (("imports", IMPORTS), ("inspect", INSPECT)):
            found = measured(command)
            if number:  # the first is for the caches of the file system
                runs[name].append(found)
    seconds = {name: statistics.median(each[0] for each in found) for name, found in runs.items()}
    sizes = {name: statistics.median(each[1] for each in found) for name, found in runs.items()}
    print(f"import torch, fvcore.nn: {seconds['imports']:.2f} s, median of {ROUNDS}")
    kept = report(f"inspect {MODEL}, seconds", seconds["inspect"] / seconds["imports"], 2.5)
    kept &= report(f"inspect {MODEL}, peak memory", sizes["inspect"] / sizes["imports"], 1.5)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
