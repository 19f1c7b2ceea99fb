"""Table: for people, drawn by rich; a terminal's width is kept, a pipe's output never cut."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from vlcalc.core.errors import InputError
from vlcalc.report.formats import FORMATS, Canvas
from vlcalc.report.formats.cells import for_people
from vlcalc.report.table import Column, Table

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 100_000
GAP = 3
EDGE = 2
KEEP = 9  # priority from which a column is never left out
MAX_ROWS = 20_000  # drawn as one, in some 0.5 ms and 6 KB a row


@FORMATS.register("table")
def render_table(table: Table, canvas: Canvas) -> Iterator[str]:
    """Yield the table drawn for a terminal, or at its natural width for a pipe.

    Raises:
        InputError: it has more rows than can be drawn in a time that one waits.
    """
    from rich.console import Console

    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=canvas.width or PIPE_WIDTH,
        force_terminal=canvas.color,
        color_system="standard" if canvas.color else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    _draw(for_people(table), canvas, console)
    lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
    yield "\n".join(lines).strip("\n") + "\n"


def _draw(table: Table, canvas: Canvas, console: Console) -> None:
    from rich import box
    from rich.table import Table as Grid

    cells = list(islice(table.rows, MAX_ROWS + 1))
    if len(cells) > MAX_ROWS:
        hint = "`--format csv`, `json` and `markdown` stream any number"
        raise InputError(expected=f"at most {MAX_ROWS:,} rows in a table", got="more", hint=hint)
    shown = _that_fit(table.columns, cells, canvas.width)
    if table.title:
        console.print(table.title, style="bold", soft_wrap=canvas.width is None)
    grid = Grid(box=box.SIMPLE_HEAD if canvas.unicode else box.ASCII2, pad_edge=False)
    for index in shown:
        column = table.columns[index]
        if column.unit == "text":
            grid.add_column(column.title, overflow="fold")
        else:  # a number is never broken over lines; its title is, where rich would cut instead
            width = _natural_width(column, [row[index] for row in cells])
            tight = width if canvas.width is not None and len(column.title) > width else None
            grid.add_column(
                column.title, justify="right", overflow="fold", width=tight, min_width=width
            )
    for number, row in enumerate(cells):
        alert = number in table.alerts
        grid.add_row(*(row[index] for index in shown), style="bold red" if alert else None)
    console.print(grid)
    for note in _notes(table, shown):
        console.print(note, soft_wrap=canvas.width is None)


def _that_fit(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int | None
) -> list[int]:
    """Return the columns to show: the least important are left out until the width is kept."""
    shown = list(range(len(columns)))
    if width is None:
        return shown
    natural = [
        _natural_width(column, [row[i] for row in cells]) for i, column in enumerate(columns)
    ]
    while sum(natural[i] + GAP for i in shown) - GAP + EDGE > width:
        last = min(reversed(shown), key=lambda i: columns[i].priority)
        if columns[last].priority >= KEEP or len(shown) == 1:
            break
        shown.remove(last)
    return shown


def _natural_width(column: Column, cells: Sequence[str]) -> int:
    """Return the width below which a column breaks a cell or a word of its title."""
    return max(map(len, (*cells, *column.title.split())))


def _notes(table: Table, shown: list[int]) -> Iterator[str]:
    yield from table.notes
    hidden = [column.key for i, column in enumerate(table.columns) if i not in shown]
    if hidden:
        yield f"Not shown, for want of width: {', '.join(hidden)} (all with --format csv)."
