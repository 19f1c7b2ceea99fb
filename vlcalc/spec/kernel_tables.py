"""Tables of measured kernel times: one file a device, kernel and variant, read when needed.

A file is JSON. `latency_ns` holds a row `[key, times]` for each series: `key` are the sizes named
by `keys`, `times` the nanoseconds at each of `axis_values` of the size named by `axis`, null where
nothing was measured; what is left out at the end was not measured either.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vlcalc.spec.catalogue import specs_folder


@dataclass(frozen=True, slots=True, eq=False)
class KernelTable:
    """Times of one kernel on one device.

    Attributes:
        device: name of the device that was measured.
        kernel: name of the kernel: `product`, `decode_attention`...
        variant: dtype, or the operation of a collective.
        source: where the times are from.
        licence: of the source.
        software: whose kernels were timed.
        l2_bytes: what the device's last cache holds.
        axis: the size that changes within a series.
        axis_values: its values, ascending.
        keys: the sizes that are fixed within a series.
        series: those sizes and the seconds at each axis value, None where not measured.
    """

    device: str
    kernel: str
    variant: str
    source: str
    licence: str
    software: str
    l2_bytes: int
    axis: str
    axis_values: tuple[int, ...]
    keys: tuple[str, ...]
    series: tuple[tuple[tuple[int, ...], tuple[float | None, ...]], ...]


@lru_cache(maxsize=128)
def load_kernel_table(device: str, kernel: str, variant: str) -> KernelTable | None:
    """Return the table of a device's kernel; None where there is none."""
    path = tables_folder() / device / f"{kernel}-{variant}.json"
    return read_kernel_table(path) if path.is_file() else None


def read_kernel_table(path: Path) -> KernelTable:
    """Return the table that a file holds."""
    data = json.loads(path.read_bytes())
    series = tuple(
        (tuple(key), tuple(None if ns is None else ns * 1e-9 for ns in times))
        for key, times in data.pop("latency_ns")
    )
    axis_values, keys = tuple(data.pop("axis_values")), tuple(data.pop("keys"))
    return KernelTable(**data, axis_values=axis_values, keys=keys, series=series)


@lru_cache(maxsize=1)
def _relatives() -> dict[str, tuple[str, ...]]:
    data = json.loads((tables_folder() / "relatives.json").read_bytes())
    return {name: tuple(others) for name, others in data["relatives"].items()}


def nearest_table(device: str, kernel: str, variant: str) -> KernelTable | None:
    """Return a device's own table, else its nearest relative's; None where none has one."""
    names = (device, *_relatives().get(device, ()))
    tables = (load_kernel_table(name, kernel, variant) for name in names)
    return next((table for table in tables if table is not None), None)


def measured_devices() -> list[str]:
    """Return the names of the devices that have tables."""
    return sorted(path.name for path in tables_folder().iterdir() if path.is_dir())


def tables_folder() -> Path:
    """Return the folder that holds a folder of tables for each measured device."""
    return specs_folder() / "devices" / "kernels"
