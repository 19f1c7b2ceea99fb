"""JSON: one document with title, columns, rows (an object each, raw values) and notes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from vlcalc.report.formats import FORMATS, Canvas
from vlcalc.report.table import Table


@FORMATS.register("json")
def render(table: Table, canvas: Canvas) -> Iterator[str]:
    """Yield the table as JSON; rows are streamed, one a line."""
    table = table.for_reader("machines")
    columns = [{"key": c.key, "title": c.title, "unit": c.unit} for c in table.columns]
    head = {"title": table.title, "columns": columns, "notes": list(table.notes)}
    yield json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "rows": ['
    keys = [column.key for column in table.columns]
    separator = "\n  "
    for row in table.rows:
        cells = dict(zip(keys, row, strict=True))
        yield separator + json.dumps(cells, ensure_ascii=False, allow_nan=False, default=str)
        separator = ",\n  "
    yield "\n ]\n}\n"
