"""`vlcalc compare`: the default ten methods against importing torch and fvcore; all in seconds.

Run: python -m tests.benchmarks.compare_command
"""

from __future__ import annotations

import sys

from tests.benchmarks.compare import report, run_in_turn

ROUNDS = 7
MAX_SECONDS_FOR_ALL = 10


def main() -> None:
    """Print the ratios and exit with 1 when one is over its limit."""
    vlcalc = [sys.executable, "-m", "vlcalc", "compare"]
    runs = run_in_turn(
        {
            "imports": [sys.executable, "-W", "ignore", "-c", "import torch, fvcore.nn"],
            "default": vlcalc,
            "all": [*vlcalc, "--methods", "all"],
        },
        ROUNDS,
    )
    floor_s, all_s = runs["imports"].median_s, runs["all"].median_s
    print(f"import torch, fvcore.nn: {floor_s:.2f} s, median of {ROUNDS}")
    kept = report("compare, the default ten", runs["default"].median_s / floor_s, 2.2)
    kept &= all_s <= MAX_SECONDS_FOR_ALL
    print(f"compare --methods all: {all_s:.1f} s (at most {MAX_SECONDS_FOR_ALL})")
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
