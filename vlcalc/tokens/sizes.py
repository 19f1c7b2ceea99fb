"""Sizes of many images, streamed: from a CSV file or stdin, or from the files of a folder."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO

from vlcalc.core.errors import InputError, VlcalcError
from vlcalc.core.files import is_folder, open_regular
from vlcalc.core.folders import OnError
from vlcalc.core.image_headers import find_images, read_size
from vlcalc.core.image_size import ImageSize

MAX_LINE_CHARS = 65_536
MAX_DIGITS = 12
COLUMNS = ("width", "height", "count")
WHOLE = rf"\s*-?[0-9]{{1,{MAX_DIGITS}}}\s*"
WHOLE_NUMBERS = re.compile(rf"{WHOLE}(?:,{WHOLE})+")
# What a shell hands over is open already, and may be a pipe: stdin, and `<(command)`.
HANDED_OVER = re.compile(r"-|/dev/stdin|/dev/fd/([0-9]{1,4})")


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


def stream_sizes(source: Path, on_error: OnError | None = None) -> Iterator[Sized]:
    """Yield the sizes that a CSV file lists or the images of a folder have.

    Args:
        source: a file, a folder, or `-` for stdin.
        on_error: what is called for each folder below that is left out; it is an entry too.

    Raises:
        InputError: no such file, a CSV without `width` and `height`, text where a number should
            be, or a folder without images.
    """
    if is_folder(source):
        yield from _folder_sizes(source, on_error)
    else:
        yield from _csv_sizes(source)


def _folder_sizes(folder: Path, on_error: OnError | None) -> Iterator[Sized]:
    left_out: list[InputError] = []
    for path in find_images(str(folder), left_out.append):
        yield from _left_out(left_out, on_error)
        yield _read(path)
    yield from _left_out(left_out, on_error)


def _left_out(errors: list[InputError], on_error: OnError | None) -> Iterator[Sized]:
    while errors:
        error = errors.pop(0)
        if on_error is not None:
            on_error(error)
        yield Sized(None, file=error.where, error=str(error))


def is_handed_over(source: Path) -> bool:
    """Tell whether a source is open already, such as stdin, and can be read once only."""
    return HANDED_OVER.fullmatch(str(source)) is not None


def _read(path: Path) -> Sized:
    try:
        return Sized(read_size(path), file=str(path))
    except VlcalcError as error:
        return Sized(None, file=str(path), error=str(error))


def _csv_sizes(path: Path) -> Iterator[Sized]:
    try:
        with io.TextIOWrapper(_open(path), encoding="utf-8-sig", newline="") as file:
            yield from _csv_rows(path, file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(expected="a CSV file or a folder", got=reason, where=str(path)) from None
    except UnicodeDecodeError:
        raise InputError(
            expected="a CSV file", got="bytes that are no UTF-8 text", where=str(path)
        ) from None


def _open(path: Path) -> BinaryIO:
    handed_over = HANDED_OVER.fullmatch(str(path))
    if handed_over:
        return os.fdopen(os.dup(int(handed_over[1] or 0)), "rb")
    return open_regular(path)


def _csv_rows(path: Path, file: TextIO) -> Iterator[Sized]:
    rows = csv.reader(_lines(path, file))
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        names = COLUMNS if "count" in header else COLUMNS[:2]
        columns = [_column(path, header, name) for name in names]
        cells_of, least, most = itemgetter(*columns), max(columns) + 1, len(header)
        for row in rows:
            if least <= len(row) <= most:
                yield _entry(cells_of(row), path, rows.line_num)
            elif row:
                raise _bad_row(path, rows.line_num, f"{len(row)} of {len(header)} columns")
    except csv.Error as error:
        raise _bad_row(path, rows.line_num, str(error)) from None


def _entry(cells: tuple[str, ...], path: Path, line: int) -> Sized:
    row = ",".join(cells)
    if not WHOLE_NUMBERS.fullmatch(row):
        raise _bad_row(path, line, f"`{row[:60]}`", f"digits 0 to 9, at most {MAX_DIGITS}")
    width, height, *count = map(int, cells)
    num_images = count[0] if count else 1
    if num_images < 0:
        raise _bad_row(path, line, f"a count of {num_images}")
    return Sized(ImageSize(width, height), num_images)


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
        got = ", ".join(f"`{key[:60]}`" for key in header[:10]) or "an empty file"
        raise InputError(
            expected=f"a column `{name}`",
            got=got,
            where=f"{path}:1",
            hint="columns: width, height, and count if you like",
        )
    if header.count(name) > 1:
        raise InputError(expected=f"one column `{name}`", got="two", where=f"{path}:1")
    return header.index(name)


def _bad_row(path: Path, line: int, got: str, hint: str = "") -> InputError:
    expected = "whole numbers for width, height and count"
    return InputError(expected=expected, got=got, where=f"{path}:{line}", hint=hint)
