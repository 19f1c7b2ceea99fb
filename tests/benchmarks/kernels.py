"""How far the kernel tables predict on the half that they were not given, beside a flat roofline.

Run: python -m tests.benchmarks.kernels
"""

from __future__ import annotations

from vlcalc.serving.kernels.held_out import held_out_errors
from vlcalc.spec.kernel_tables import read_kernel_table, tables_folder


def main() -> None:
    """Print a line for each table."""
    print(f"{'kernel':31}{'device':31}{'points':>7}{'mean':>8}{'median':>8}{'bias':>8}{'flat':>8}")
    files = sorted(tables_folder().glob("*/*.json"), key=lambda path: (path.stem, path.parent))
    for path in files:
        ours, flat = held_out_errors(read_kernel_table(path))
        print(
            f"{path.stem:31}{path.parent.name:31}{ours.num_points:>7}{ours.mean:>8.1%}"
            f"{ours.median:>8.1%}{ours.bias:>+8.1%}{flat.mean:>8.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
