"""Markdown: a pipe table for people, numbers aligned right, notes below."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vlcalc.report.formats import FORMATS, Canvas
from vlcalc.report.formats.cells import for_people
from vlcalc.report.table import Table

# What GitHub's Markdown would take for HTML, an entity, a cell's end or an escape.
MARKUP = re.compile(r"[\\|<&]")


@FORMATS.register("markdown")
def render_markdown(table: Table, canvas: Canvas) -> Iterator[str]:
    """Yield the table as Markdown; rows are streamed."""
    table = for_people(table)
    if table.title:
        yield f"**{_escaped(table.title)}**\n\n"
    yield _line([_escaped(column.title) for column in table.columns])
    yield _line(["---" if column.unit == "text" else "---:" for column in table.columns])
    for row in table.rows:
        yield _line(map(_escaped, row))
    for note in table.notes:
        yield f"\n{_escaped(note)}\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _escaped(text: str) -> str:
    return MARKUP.sub(r"\\\g<0>", text)
