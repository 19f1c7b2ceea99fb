"""Start-up as a feature: whole processes against the floor, a bare typer app with a rich table.

Run: python -m tests.benchmarks.startup
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.compare import report, run_in_turn

FLOOR = """\
import typer

app = typer.Typer()


@app.command()
def main() -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("tokens")
    table.add_row("11,520")
    Console().print(table)


app()
"""
ROUNDS = 21


def main() -> None:
    """Print the ratios and exit with 1 when one is over its limit."""
    with tempfile.TemporaryDirectory() as folder:
        floor = Path(folder, "floor.py")
        floor.write_text(FLOOR, encoding="utf-8")
        vlcalc = [sys.executable, "-m", "vlcalc", "tokens"]
        runs = run_in_turn(
            {
                "floor": [sys.executable, str(floor)],
                "calculator": [*vlcalc, "--res", "672", "--tiles", "4"],
                "model": [*vlcalc, "--model", "qwen2.5-vl", "--image", "1920x1080"],
            },
            ROUNDS,
        )
    floor_s = runs["floor"].median_s
    print(f"floor: {floor_s:.3f} s, median of {ROUNDS}")
    kept = report("tokens --res 672 --tiles 4", runs["calculator"].median_s / floor_s, 1.4)
    kept &= report("tokens --model qwen2.5-vl", runs["model"].median_s / floor_s, 1.8)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
