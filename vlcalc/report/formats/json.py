"""JSON: one document with title, columns, rows (an object each, raw values) and notes."""

from __future__ import annotations

from collections.abc import Iterator

from vlcalc.core.strict_json import json_text
from vlcalc.report.formats import FORMATS, Canvas
from vlcalc.report.table import Table


@FORMATS.register("json")
def render_json(table: Table, canvas: Canvas) -> Iterator[str]:
    """Yield the table as JSON; rows are streamed, one a line."""
    table = table.for_reader("machines")
    columns = [{"key": c.key, "title": c.title, "unit": c.unit} for c in table.columns]
    head = {"title": table.title, "columns": columns, "notes": list(table.notes)}
    yield json_text(head, indent=1)[:-2] + ',\n "rows": ['
    keys = [column.key for column in table.columns]
    separator = "\n  "
    for row in table.rows:
        cells = dict(zip(keys, row, strict=True))
        yield separator + json_text(cells)
        separator = ",\n  "
    yield "\n ]\n}\n"
