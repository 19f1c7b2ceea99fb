"""Write a result: to stdout, or to a file that is whole or not there."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

from vlcalc.cli.ending import end_unread
from vlcalc.core.errors import InputError
from vlcalc.core.files import exists, is_folder
from vlcalc.core.strict_json import json_text
from vlcalc.report.formats import FORMATS, Canvas, Renderer
from vlcalc.report.table import Table

# Formats whose text is one document.
ONE_TABLE = ("csv", "json")
# Other names of stdout: what a shell appends to must not be replaced by a new file.
STDOUT = ("-", "/dev/stdout", "/dev/fd/1")
MAX_NAME_BYTES = 255  # on every file system in use
# Letters that an encoding lacks, and bytes of file names that are no text, are written by number.
ESCAPED = "backslashreplace"


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
        write([json_text(document, indent=1) + "\n"], output)
        return
    if format_name in ONE_TABLE:
        tables = [machines or _joined(tables)]
    canvas = stdout_canvas() if output is None or _is_stdout(output) else Canvas()
    write(_chunks(tables, render, canvas), output)


def _chunks(tables: Sequence[Table], render: Renderer, canvas: Canvas) -> Iterator[str]:
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
    if output is None or _is_stdout(output):
        _write_stdout(chunks)
        return
    try:
        _write_file(chunks, output)
    except BrokenPipeError:
        end_unread()
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before 3.13
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError(
            expected="a file that can be written", got=reason.lower(), where=f"{where} {output}"
        ) from None


def check_writable(output: Path | None, *, where: str) -> None:
    """Refuse a file that cannot be written, before the work whose result goes into it.

    Raises:
        InputError: it is a folder, or its folder is not there or may not be written.
    """
    if output is None or _is_stdout(output):
        return
    target = os.path.realpath(output)
    folder = os.path.dirname(target)  # noqa: PTH120
    if is_folder(target):
        got = "a folder"
    elif len(os.fsencode(os.path.basename(target))) > MAX_NAME_BYTES:  # noqa: PTH119
        got = "file name too long"
    elif not is_folder(folder):
        got = "no such folder"
    elif not os.access(target if exists(target) else folder, os.W_OK):
        got = "permission denied"
    else:
        return
    raise InputError(expected="a file that can be written", got=got, where=f"{where} {output}")


def _is_stdout(output: Path) -> bool:
    return str(output) in STDOUT


def _write_stdout(chunks: Iterable[str]) -> None:
    if sys.stdout is None:
        raise InputError(expected="somewhere to write to", got="a closed stdout")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that the terminal's encoding lacks is shown by its number, not by a traceback.
        sys.stdout.reconfigure(errors=ESCAPED)
    try:
        for chunk in chunks:
            sys.stdout.write(chunk)
        sys.stdout.flush()
    except BrokenPipeError:
        end_unread()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(expected="a stdout that takes all", got=reason) from None


def _write_file(chunks: Iterable[str], output: Path) -> None:
    if is_folder(output):
        raise IsADirectoryError(errno.EISDIR, "a folder")
    if exists(output) and not output.is_file():  # a device or a pipe cannot be renamed over
        with output.open("w", encoding="utf-8", errors=ESCAPED) as stream:
            stream.writelines(chunks)
        return
    output = output.resolve()  # what a link points to is written, the link stays
    # Named before it is there: a signal may come at any line, and must leave nothing.
    temporary = output.parent / f".vlcalc.{token_hex(8)}"
    try:
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors=ESCAPED, newline="") as file:
            file.writelines(chunks)
        _take_place_of(output, temporary)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _take_place_of(output: Path, temporary: Path) -> None:
    """Rename a file to another's name, with the other's mode and owner; a new one's by umask."""
    try:
        before = output.stat()
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
    else:
        if sys.platform != "win32":
            with suppress(PermissionError):  # only root may give a file to another
                os.chown(temporary, before.st_uid, before.st_gid)
        temporary.chmod(stat.S_IMODE(before.st_mode))
    temporary.replace(output)
