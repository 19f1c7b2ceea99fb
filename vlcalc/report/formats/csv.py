"""CSV (RFC 4180): raw values in base units, unknown empty, one header line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from vlcalc.report.formats import FORMATS, Canvas
from vlcalc.report.table import Table

CHUNK_ROWS = 1000


@FORMATS.register("csv")
def render(table: Table, canvas: Canvas) -> Iterator[str]:
    """Yield the table as CSV; rows are streamed."""
    table = table.for_reader("machines")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([column.key for column in table.columns])
    for number, row in enumerate(table.rows, 1):
        writer.writerow(row)
        if number % CHUNK_ROWS == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
