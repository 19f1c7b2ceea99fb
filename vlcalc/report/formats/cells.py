"""How a table reads to people: each cell by its column's unit, and no text that a screen obeys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vlcalc.core import units
from vlcalc.core.text import printable
from vlcalc.report.table import Column, Table, Unverified

WRITERS = {
    "count": units.format_count,
    "share": units.format_share,
    "ratio": units.format_ratio,
    "usd": units.format_usd,
    "flops": units.format_flops,
    "bytes": units.format_bytes,
    "decimal_bytes": units.format_decimal_bytes,
    "times": units.format_times,
    "seconds": units.format_seconds,
    "flops_per_s": units.format_flops_per_s,
    "tera": units.format_tera,
    "bytes_per_s": units.format_bytes_per_s,
}


def for_people(table: Table) -> Table:
    """Return the table as people read it: their columns, every cell and word printable text."""
    table = table.for_reader("people")
    return Table(
        columns=tuple(replace(c, title=printable(c.title)) for c in table.columns),
        rows=(tuple(map(cell_text, table.columns, row)) for row in table.rows),
        title=printable(table.title),
        notes=tuple(map(printable, table.notes)),
        alerts=table.alerts,
    )


def cell_text(column: Column, value: Any) -> str:
    """Write a raw value as people read it; unknown is `-`, and a weak source adds `?`."""
    if column.unit == "text":
        return units.UNKNOWN if value is None else printable(str(value))
    text = WRITERS[column.unit](value)
    return f"{text}?" if isinstance(value, Unverified) else text
