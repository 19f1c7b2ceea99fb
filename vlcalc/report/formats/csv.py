"""CSV (RFC 4180): raw values in base units, unknown empty, one header line.

Text that a spreadsheet would run as a formula has a `'` before it.
Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from typing import Any

from vlcalc.core.text import printable
from vlcalc.report.formats import FORMATS, Canvas
from vlcalc.report.table import Table

CHUNK_ROWS = 1000
FORMULA = re.compile(r"[=+\-@\t\r]")


@FORMATS.register("csv")
def render_csv(table: Table, canvas: Canvas) -> Iterator[str]:
    """Yield the table as CSV; rows are streamed."""
    table = table.for_reader("machines")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([column.key for column in table.columns])
    on_terminal = canvas.width is not None
    for number, row in enumerate(table.rows, 1):
        writer.writerow([_cell(value, on_terminal=on_terminal) for value in row])
        if number % CHUNK_ROWS == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _cell(value: Any, *, on_terminal: bool) -> Any:
    if not isinstance(value, str):
        return value
    text = printable(value) if on_terminal else value
    return f"'{text}" if FORMULA.match(text) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
