"""Sizes of many images, streamed: from a CSV file, or from the files of a folder."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from vlcalc.core.errors import InputError, VlcalcError
from vlcalc.core.image_headers import find_images, read_size
from vlcalc.core.image_size import ImageSize

MAX_LINE_CHARS = 65_536


class Sized(NamedTuple):
    """One entry: a size (None where it could not be read, with the error), and how often.

    Attributes:
        size: pixels as given; not checked.
        num_images: images of this size.
        file: the image that was read; "" for a line of a CSV.
        error: why there is no size; "" where there is one.
    """

    size: ImageSize | None
    num_images: int = 1
    file: str = ""
    error: str = ""


def stream_sizes(source: Path) -> Iterator[Sized]:
    """Yield the sizes that a CSV file lists or the images of a folder have.

    Raises:
        InputError: no such file, a CSV without `width` and `height`, text where a number should
            be, or a folder without images.
    """
    if source.is_dir():
        yield from _folder_sizes(source)
    else:
        yield from _csv_sizes(source)


def _folder_sizes(folder: Path) -> Iterator[Sized]:
    for path in find_images(str(folder)):
        yield _read(path)


def _read(path: Path) -> Sized:
    try:
        return Sized(read_size(path), file=str(path))
    except VlcalcError as error:
        return Sized(None, file=str(path), error=str(error))


def _csv_sizes(path: Path) -> Iterator[Sized]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _csv_rows(path, file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(expected="a CSV file or a folder", got=reason, where=str(path)) from None
    except UnicodeDecodeError:
        raise InputError(
            expected="a CSV file", got="bytes that are no UTF-8 text", where=str(path)
        ) from None


def _csv_rows(path: Path, file: TextIO) -> Iterator[Sized]:
    rows = csv.reader(_lines(path, file))
    header = [name.strip().lower() for name in next(rows, [])]
    width, height = (_column(path, header, name) for name in ("width", "height"))
    count = header.index("count") if "count" in header else None
    least = max(width, height, count or 0) + 1
    for row in rows:
        if len(row) < least:
            if not row:
                continue
            raise _bad_row(path, rows.line_num, f"{len(row)} of {len(header)} columns")
        try:
            size = ImageSize(int(row[width]), int(row[height]))
            number = 1 if count is None else int(row[count])
        except ValueError:
            raise _bad_row(path, rows.line_num, f"`{','.join(row)[:60]}`") from None
        if number < 0:
            raise _bad_row(path, rows.line_num, f"a count of {number}")
        yield Sized(size, number)


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    """Yield the lines of a file, none so long that it fills the memory."""
    number = 0
    while line := file.readline(MAX_LINE_CHARS):
        number += 1
        if len(line) == MAX_LINE_CHARS:
            raise _bad_row(path, number, f"a line over {MAX_LINE_CHARS:,} characters")
        if "\0" in line:
            raise _bad_row(path, number, "a NUL byte")
        yield line


def _column(path: Path, header: list[str], name: str) -> int:
    if name not in header:
        got = ", ".join(f"`{each}`" for each in header[:10]) or "an empty file"
        raise InputError(
            expected=f"a column `{name}`",
            got=got,
            where=f"{path}:1",
            hint="columns: width, height, and count if you like",
        )
    return header.index(name)


def _bad_row(path: Path, line: int, got: str) -> InputError:
    return InputError(
        expected="whole numbers for width, height and count", got=got, where=f"{path}:{line}"
    )
