"""Write a result: to stdout, or to a file that is whole or not there."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vlcalc.errors import InputError
from vlcalc.formats import FORMATS, Canvas, Format
from vlcalc.table import Table

# Formats whose text is one document.
ONE_TABLE = ("csv", "json")


def stdout_canvas() -> Canvas:
    """Return what stdout is: a terminal with a width and colours, or a pipe."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    if not sys.stdout.isatty():
        return Canvas(unicode=unicode)
    color = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return Canvas(shutil.get_terminal_size().columns, color=color, unicode=unicode)


def show(
    tables: Sequence[Table],
    format_name: str,
    output: Path | None,
    *,
    machines: Table | None = None,
) -> None:
    """Write tables one after another in a format.

    Args:
        tables: what people are shown.
        format_name: name of a format.
        output: the file to write; None for stdout.
        machines: the one table for formats that hold just one; by default `tables` joined.

    Raises:
        InputError: there is no such format, or the file cannot be written.
    """
    render = FORMATS.get(format_name, where="--format")
    if format_name in ONE_TABLE:
        tables = [machines or _joined(tables)]
    canvas = Canvas() if output else stdout_canvas()
    write(_chunks(tables, render, canvas), output)


def _chunks(tables: Sequence[Table], render: Format, canvas: Canvas) -> Iterator[str]:
    for number, table in enumerate(tables):
        if number:
            yield "\n"
        yield from render(table, canvas)


def _joined(tables: Sequence[Table]) -> Table:
    """Return one table with the rows of all, whose columns are the same."""
    first = tables[0]
    rows = (row for table in tables for row in table.rows)
    notes = dict.fromkeys(note for table in tables for note in table.notes)
    return replace(first, rows=rows, notes=tuple(notes))


def write(chunks: Iterable[str], output: Path | None) -> None:
    """Write text to stdout, or atomically to a file: a temporary one beside it, then a rename.

    Raises:
        InputError: the file cannot be written.
    """
    if output is None:
        for chunk in chunks:
            sys.stdout.write(chunk)
        sys.stdout.flush()
        return
    try:
        _write_file(chunks, output)
    except OSError as error:
        raise InputError(
            expected="a file that can be written",
            got=(error.strerror or str(error)).lower(),
            where=f"--output {output}",
        ) from None


def _write_file(chunks: Iterable[str], output: Path) -> None:
    if output.is_dir():
        raise IsADirectoryError(21, "a folder")
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines(chunks)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
