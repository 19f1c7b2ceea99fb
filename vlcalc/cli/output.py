"""Write a result: to stdout, or to a file that is whole or not there."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlcalc.core.errors import InputError
from vlcalc.report.formats import FORMATS, Canvas, Format
from vlcalc.report.table import Table

# Formats whose text is one document.
ONE_TABLE = ("csv", "json")


def stdout_canvas() -> Canvas:
    """Return what stdout is: a terminal with a width and colours, or a pipe."""
    if sys.stdout is None:
        return Canvas()
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
    document: dict[str, Any] | None = None,
) -> None:
    """Write tables one after another in a format.

    Args:
        tables: what people are shown.
        format_name: name of a format.
        output: the file to write; None for stdout.
        machines: the one table for formats that hold just one; by default `tables` joined.
        document: what JSON holds in place of a table.

    Raises:
        InputError: there is no such format, or the file cannot be written.
    """
    render = FORMATS.get(format_name, where="--format")
    if format_name == "json" and document is not None:
        write([json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"], output)
        return
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


def write(chunks: Iterable[str], output: Path | None, *, where: str = "--output") -> None:
    """Write text to stdout, or atomically to a file: a temporary one beside it, then a rename.

    Raises:
        InputError: the file cannot be written.
    """
    if output is None:
        _write_stdout(chunks)
        return
    try:
        _write_file(chunks, output)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before 3.13
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            expected="a file that can be written", got=reason.lower(), where=f"{where} {output}"
        ) from None


def check_writable(output: Path | None, *, where: str) -> None:
    """Refuse a file that cannot be written, before the work whose result goes into it.

    Raises:
        InputError: it is a folder, or its folder is not there or may not be written.
    """
    if output is None:
        return
    folder = output.resolve().parent
    if output.is_dir():
        got = "a folder"
    elif not folder.is_dir():
        got = "no such folder"
    elif not os.access(output if output.exists() else folder, os.W_OK):
        got = "permission denied"
    else:
        return
    raise InputError(expected="a file that can be written", got=got, where=f"{where} {output}")


def _write_stdout(chunks: Iterable[str]) -> None:
    if sys.stdout is None:
        raise InputError(expected="somewhere to write to", got="a closed stdout")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that the terminal's encoding lacks is shown by its number, not by a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        for chunk in chunks:
            sys.stdout.write(chunk)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(expected="a stdout that takes all", got=reason) from None


def _write_file(chunks: Iterable[str], output: Path) -> None:
    output = output.resolve()  # what a link points to is written, the link stays
    if output.is_dir():
        raise IsADirectoryError(21, "a folder")
    if output.exists() and not output.is_file():  # a device or a pipe cannot be renamed over
        with output.open("w", encoding="utf-8") as stream:
            stream.writelines(chunks)
        return
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
