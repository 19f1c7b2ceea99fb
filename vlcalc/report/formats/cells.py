"""How a cell reads to people, by its column's unit."""

from __future__ import annotations

from typing import Any

from vlcalc.core import units
from vlcalc.report.table import Column, Unverified

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


def cell_text(column: Column, value: Any) -> str:
    """Write a raw value as people read it; unknown is `-`, and a weak source adds `?`."""
    if column.unit == "text":
        return units.UNKNOWN if value is None else str(value)
    text = WRITERS[column.unit](value)
    return f"{text}?" if isinstance(value, Unverified) else text
