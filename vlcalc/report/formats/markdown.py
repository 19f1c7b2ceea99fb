"""Markdown: a pipe table for people, numbers aligned right, notes below."""

from __future__ import annotations

from collections.abc import Iterator

from vlcalc.report.formats import FORMATS, Canvas
from vlcalc.report.formats.cells import cell_text
from vlcalc.report.table import Table


@FORMATS.register("markdown")
def render(table: Table, canvas: Canvas) -> Iterator[str]:
    """Yield the table as Markdown; rows are streamed."""
    table = table.for_reader("people")
    if table.title:
        yield f"**{table.title}**\n\n"
    yield _line([column.title for column in table.columns])
    yield _line(["---" if column.unit == "text" else "---:" for column in table.columns])
    for row in table.rows:
        cells = zip(table.columns, row, strict=True)
        yield _line([_escaped(cell_text(column, value)) for column, value in cells])
    for note in table.notes:
        yield f"\n{_escaped(note)}\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
