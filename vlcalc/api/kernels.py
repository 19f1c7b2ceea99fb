"""`vlcalc.compare_kernels`: a file of measured kernels beside what is predicted for them."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from vlcalc.api.argument import Argument
from vlcalc.report.report import Report
from vlcalc.spec.devices import load_device


def compare_kernels(device: str, *, against: str | PathLike[str]) -> Report:
    """Return the rows of a file with predictions, then their errors by device.

    Args:
        device: name of the only device that is wanted; `all` for each that the file names.
        against: a CSV file of measured products, attention, expert layers or collectives, told
            apart by its columns.

    Raises:
        InputError: there is no such device, the file cannot be read, or a row cannot be predicted.
    """
    from vlcalc.serving.kernels.against import compared_kernels
    from vlcalc.serving.kernels.against_tables import error_summary, kernel_rows

    spec = None if device == "all" else load_device(device, where=Argument("device"))
    compared = compared_kernels(Path(against), spec, Argument(f"against {against}"))
    rows, summary = kernel_rows(compared), error_summary(compared)
    return Report(tables=[rows, summary], machines=rows)
