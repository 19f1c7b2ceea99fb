"""How a cell reads to people, by its column's unit."""

from __future__ import annotations

from typing import Any

from vlcalc import units
from vlcalc.table import Column

WRITERS = {
    "count": units.format_count,
    "share": units.format_share,
    "ratio": units.format_ratio,
    "usd": units.format_usd,
    "flops": units.format_flops,
    "bytes": units.format_bytes,
    "times": units.format_times,
}


def cell_text(column: Column, value: Any) -> str:
    """Write a raw value as people read it; unknown is `-`."""
    if column.unit == "text":
        return units.UNKNOWN if value is None else str(value)
    return WRITERS[column.unit](value)
