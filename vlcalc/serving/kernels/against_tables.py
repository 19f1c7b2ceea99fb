"""Compared kernels as tables: the file's rows, and how far predictions were off by device."""

from __future__ import annotations

from collections.abc import Sequence

from vlcalc.report.table import Column, Table
from vlcalc.serving.kernels.against import ComparedKernel
from vlcalc.serving.kernels.held_out import summarise_errors

SUMMARY_COLUMNS = (
    Column("device", "device", "text"),
    Column("num_points", "points"),
    Column("mean_error", "mean error", "share"),
    Column("median_error", "median error", "share"),
    Column("bias", "bias", "share"),
    Column("num_extrapolated", "extrapolated"),
    Column("table_device", "measured on", "text"),
)


def kernel_rows(compared: Sequence[ComparedKernel]) -> Table:
    """Return the file's rows with `predicted_us`, `error` and where the prediction is from."""
    names = tuple(compared[0].cells)
    columns = tuple(Column(name, name, "text") for name in names)
    added = (
        Column("predicted_us", "predicted us", "ratio"),
        Column("error", "error", "share"),
        Column("table_device", "measured on", "text", priority=5),
        Column("basis", "basis", "text", priority=4),
    )
    rows = (
        (
            *row.cells.values(),
            float(f"{row.predicted.seconds * 1e6:.5g}"),
            None if row.error is None else round(row.error, 5),
            row.predicted.table_device,
            "extrapolated" if row.predicted.is_extrapolated else "interpolated",
        )
        for row in compared
    )
    return Table((*columns, *added), tuple(rows), title="kernels, measured and predicted")


def error_summary(compared: Sequence[ComparedKernel]) -> Table:
    """Return the errors by device, and what they were predicted from."""
    rows = []
    notes = []
    for device in dict.fromkeys(row.device for row in compared):
        own = [row for row in compared if row.device == device]
        errors = [row.error for row in own if row.error is not None]
        summary = summarise_errors(errors) if errors else None
        source = own[0].predicted.table_device
        rows.append(
            (
                device,
                len(errors),
                *((summary.mean, summary.median, summary.bias) if summary else (None,) * 3),
                sum(row.predicted.is_extrapolated for row in own),
                source,
            )
        )
        if source != device:
            notes.append(f"{device} has no table: efficiency of its nearest relative, {source}.")
    notes.append("Errors are shares of what was measured; a launch is part of a kernel's time.")
    return Table(SUMMARY_COLUMNS, tuple(rows), title="error by device", notes=tuple(notes))
