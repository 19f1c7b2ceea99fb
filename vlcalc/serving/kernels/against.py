"""A file of measured kernels beside what is predicted for them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, NamedTuple

from vlcalc.core.errors import InputError, near_miss
from vlcalc.core.files import read_bytes
from vlcalc.serving.kernels.predict import KernelTime, predict_kernel
from vlcalc.serving.kernels.shapes import KERNELS, Kernel
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.devices import load_device

MAX_FILE_BYTES = 2**28
MAX_SIZE = 10**12
MAX_LATENCY_US = 1e12
# What people call the variants of the tables; half precision runs at bfloat16's speed.
VARIANTS = {
    "bfloat16": "bfloat16", "bf16": "bfloat16", "float16": "bfloat16", "fp16": "bfloat16",
    "fp8": "float8", "float8": "float8",
}  # fmt: skip
OPERATIONS = ("all_gather", "all_reduce", "alltoall", "reduce_scatter")
WORDS = {"dtype", "kv_dtype", "operation"}


class ComparedKernel(NamedTuple):
    """A row of the file: its cells, the device, seconds measured (None without) and predicted."""

    cells: dict[str, str]
    device: str
    measured_s: float | None
    predicted: KernelTime

    @property
    def error(self) -> float | None:
        """By how much the prediction is off, as a share of what was measured."""
        return None if self.measured_s is None else self.predicted.seconds / self.measured_s - 1


def compared_kernels(path: Path, device: DeviceSpec | None, where: str) -> list[ComparedKernel]:
    """Return the rows of a CSV file that are of a device, with predictions.

    Args:
        path: the file, of the columns of one kernel, told apart by them.
        device: the only device that is wanted; None for all.
        where: the option that gave the file, and the file.

    Raises:
        InputError: the file cannot be read, its columns are no kernel's, a cell is not what its
            column holds, a kernel cannot be predicted, or no row is of the device.
    """
    header, rows = _read(path, where)
    kind = _kind(header, where)
    devices: dict[str, DeviceSpec] = {}
    compared = []
    for number, cells in rows:
        line = f"{path}:{number}"
        name = _text(cells, "device", line)
        spec = devices.setdefault(name, devices.get(name) or load_device(name, where=line))
        if device is None or spec.name == device.name:
            shape, measured_s = _shape(kind, cells, line), _measured_s(cells, line)
            predicted = predict_kernel(shape, device or spec)
            compared.append(ComparedKernel(cells, spec.name, measured_s, predicted))
    if not compared:
        name = device.name if device else "any device"
        raise InputError(
            expected=f"rows of `{name}`",
            got=f"those of {', '.join(f'`{n}`' for n in devices)}" if devices else "no rows",
            where=where,
        )
    return compared


def _read(path: Path, where: str) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Return the header of a CSV file, and its rows with their lines."""
    try:
        text = read_bytes(path, MAX_FILE_BYTES).decode("utf-8-sig")
    except OSError as error:
        got = (error.strerror or str(error)).lower()
        raise InputError(expected="a CSV file", got=got, where=where) from None
    except UnicodeDecodeError:
        raise InputError(expected="a CSV file in UTF-8", got="other bytes", where=where) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise InputError(expected="a CSV file", got=str(error), where=f"{path}:1") from None
    return header, _rows(reader, header, path)


def _rows(reader: Any, header: list[str], path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise InputError(
                    expected=f"{len(header)} cells",
                    got=str(len(cells)),
                    where=f"{path}:{reader.line_num}",
                )
            yield reader.line_num, dict(zip(header, map(str.strip, cells), strict=True))
    except csv.Error as error:
        raise InputError(
            expected="a row of CSV", got=str(error), where=f"{path}:{reader.line_num}"
        ) from None


def _columns(kind: type[Kernel]) -> tuple[set[str], set[str]]:
    """Return the columns that a kernel needs, and those that it may have besides."""
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    may = {field.name for field in fields(kind)} - needed
    return {"device", *needed}, {"latency_us", *may}


def _kind(header: list[str], where: str) -> type[Kernel]:
    """Return the kernel whose columns these are."""
    names = set(header)
    if len(names) == len(header):
        for kind in KERNELS.values():
            needed, may = _columns(kind)
            if needed <= names <= needed | may:
                return kind
    nearest = max(KERNELS.values(), key=lambda kind: len(_columns(kind)[0] & names))
    needed, may = _columns(nearest)
    known = sorted(needed | may)
    odd = next((name for name in header if name not in known), "")
    missing = ", ".join(sorted(needed - names))
    raise InputError(
        expected="the columns of a kernel, each once",
        got=", ".join(f"`{name}`" for name in header) or "no header",
        where=where,
        hint=near_miss(odd, known)
        or (f"`{nearest.kernel}` lacks {missing}" if missing else f"`{nearest.kernel}` has others"),
    )


def _shape(kind: type[Kernel], cells: Mapping[str, str], line: str) -> Kernel:
    sizes: dict[str, Any] = {}
    for field in fields(kind):
        if field.name not in cells:
            continue
        is_word = field.name in WORDS
        sizes[field.name] = (_word if is_word else _size)(cells, field.name, line)
    for part, whole in (("num_kv_heads", "num_heads"), ("top_k", "num_experts")):
        if part in sizes and sizes[part] > sizes[whole]:
            raise InputError(
                expected=f"`{part}` of at most `{whole}`", got=f"{sizes[part]}", where=line
            )
    if sizes.get("num_gpus", 2) < 2:
        raise InputError(expected="`num_gpus` of 2 or more", got="1", where=line)
    return kind(**sizes)


def _text(cells: Mapping[str, str], column: str, line: str) -> str:
    if not cells[column]:
        raise InputError(expected=f"a value of `{column}`", got="nothing", where=line)
    return cells[column]


def _word(cells: Mapping[str, str], column: str, line: str) -> str:
    """Return a dtype as the tables name it, or an operation."""
    name = _text(cells, column, line)
    known = {word: word for word in OPERATIONS} if column == "operation" else VARIANTS
    if name not in known:
        words = ", ".join(f"`{word}`" for word in known)
        raise InputError(expected=f"`{column}` as one of {words}", got=f"`{name}`", where=line)
    return known[name]


def _size(cells: Mapping[str, str], column: str, line: str) -> int:
    """Return a whole number from 1, `window` from 0."""
    least = 0 if column == "window" else 1
    value = _number(cells, column, line)
    if value != int(value) or not least <= value <= MAX_SIZE:
        raise InputError(
            expected=f"a whole number of `{column}` from {least} to {MAX_SIZE:,}",
            got=f"`{cells[column]}`",
            where=line,
        )
    return int(value)


def _measured_s(cells: Mapping[str, str], line: str) -> float | None:
    if not cells.get("latency_us"):
        return None
    value = _number(cells, "latency_us", line)
    if not 0 < value <= MAX_LATENCY_US:
        raise InputError(
            expected=f"microseconds above 0 and up to {MAX_LATENCY_US:g}",
            got=f"`{cells['latency_us']}`",
            where=line,
        )
    return value * 1e-6


def _number(cells: Mapping[str, str], column: str, line: str) -> float:
    text = _text(cells, column, line)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if "_" in text or not abs(value) < float("inf"):
        raise InputError(expected=f"a number of `{column}`", got=f"`{text}`", where=line)
    return value
