"""The columns of a token report: key, title, unit and the value of a row. A metric is one entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vlcalc.report.columns import Columns, Metric, cells, metric
from vlcalc.report.table import Reader, Table, Unit
from vlcalc.tokens.budget import TokenBudget
from vlcalc.tokens.rows import Row


def _of_row(
    key: str, title: str, value: Callable[[Row], Any], priority: int = 9, reader: Reader = "both"
) -> Metric[Row]:
    return metric(key, title, value, "text", priority, reader=reader)


def _of_budget(
    key: str,
    title: str,
    value: Callable[[TokenBudget], Any],
    unit: Unit = "count",
    priority: int = 9,
    *,
    reader: Reader = "both",
) -> Metric[Row]:
    def of_row(row: Row) -> Any:
        return None if row.budget is None else value(row.budget)

    return metric(key, title, of_row, unit, priority, reader=reader)


def _grid(budget: TokenBudget) -> str | None:
    tiling = budget.tiling
    if not tiling.views:
        return None
    thumbnails = tiling.num_tiles - tiling.columns * tiling.rows
    plus = f"+{thumbnails}" if 0 < thumbnails < tiling.columns * tiling.rows + 1 else ""
    return f"{tiling.columns}x{tiling.rows}{plus}"


def _num_patches(budget: TokenBudget) -> int | None:
    return budget.tiling.num_patches if budget.tiling.views else None


def _source(budget: TokenBudget) -> str:
    mark = "*" if budget.doubt else ""
    dated = f" ({budget.as_of})" if budget.as_of else ""
    return f"{budget.source}{mark}{dated}"


METRICS = (
    _of_row("model", "model", lambda row: row.model),
    _of_row("file", "file", lambda row: row.file or None, priority=8),
    _of_row("image", "image", lambda row: row.image, reader="people"),
    _of_row("width", "width", lambda row: row.image and row.image.width, reader="machines"),
    _of_row("height", "height", lambda row: row.image and row.image.height, reader="machines"),
    _of_budget("num_images", "images", lambda b: b.num_images, priority=7),
    _of_budget("num_frames", "frames", lambda b: b.request.num_frames, priority=7),
    _of_budget("grid", "grid", _grid, "text", 4),
    _of_budget("num_tiles", "tiles", lambda b: b.tiling.num_tiles or None, priority=3),
    _of_budget(
        "num_patches",
        "patches",
        _num_patches,
        priority=2,
    ),
    _of_budget("image_tokens", "image tokens", lambda b: b.image_tokens),
    _of_budget("extra_tokens", "extra tokens", lambda b: b.extra_tokens, priority=7),
    _of_budget("context_tokens", "context tokens", lambda b: b.context_tokens, priority=6),
    _of_budget("text_tokens", "text", lambda b: b.request.text_tokens, reader="machines"),
    _of_budget("sequence_length", "sequence", lambda b: b.sequence_length, priority=8),
    _of_budget("context_window", "window", lambda b: b.context_window, priority=6),
    _of_budget("window_share", "share", lambda b: b.window_share, "share"),
    _of_budget("tokens_left", "left", lambda b: b.tokens_left, priority=8),
    _of_budget("num_that_fit", "fit", lambda b: b.num_that_fit),
    _of_budget("pixels_per_token", "px per token", lambda b: b.pixels_per_token, "ratio", 1),
    _of_budget("usd_per_image", "$ per image", lambda b: b.usd_per_image, "usd"),
    _of_budget("usd_per_1000_images", "$ per 1,000", lambda b: b.usd_per_1000_images, "usd"),
    _of_budget("price_date", "price of", lambda b: b.price_date, "text", 7),
    _of_budget("source_shown", "source", _source, "text", 5, reader="people"),
    _of_budget("source", "source", lambda b: b.source, "text", reader="machines"),
    _of_budget("as_of", "as of", lambda b: b.as_of, "text", reader="machines"),
    _of_budget("doubt", "doubt", lambda b: b.doubt or None, "text", reader="machines"),
    _of_budget("caveat", "caveat", lambda b: b.caveat or None, "text", reader="machines"),
    _of_row("error", "error", lambda row: row.error or None, reader="machines"),
)
COLUMNS = Columns(METRICS)
# Columns that people need to see only where they say something.
OPTIONAL = ("file", "num_images", "num_frames", "extra_tokens", "context_tokens")
PRICES = ("usd_per_image", "usd_per_1000_images", "price_date")


def sorted_token_rows(rows: Sequence[Row], key: str) -> list[Row]:
    """Return rows sorted by a metric, largest first with `-` before its key; unknown last.

    Raises:
        InputError: there is no such metric.
    """
    return COLUMNS.sorted(rows, key)


def token_table(rows: Sequence[Row], *, title: str = "", prices: bool = False) -> Table:
    """Return the table of a token report; columns that say nothing to people are left out."""
    shown = [entry for entry in METRICS if prices or entry.column.key not in PRICES]
    values = cells(shown, rows)
    columns = tuple(
        entry.for_machines().column if _is_empty(entry.column.key, values, i) else entry.column
        for i, entry in enumerate(shown)
    )
    overfull = frozenset(
        i for i, row in enumerate(rows) if row.error or (row.budget and row.budget.fits is False)
    )
    return Table(columns, values, title=title, notes=tuple(_notes(rows)), alerts=overfull)


def _is_empty(key: str, values: Sequence[tuple[Any, ...]], index: int) -> bool:
    silent = (None, "", 1) if key == "num_images" else (None, "", 0)
    return key in OPTIONAL and all(row[index] in silent for row in values)


def _notes(rows: Sequence[Row]) -> list[str]:
    notes = [f"{row.model}: {row.error}" for row in rows if row.error]
    notes += [
        f"* {row.model}: {row.budget.doubt}" for row in rows if row.budget and row.budget.doubt
    ]
    notes += [
        f"{row.model} {row.image}: {row.budget.caveat}"
        for row in rows
        if row.budget and row.budget.caveat
    ]
    if any(row.budget and row.budget.fits is False for row in rows):
        notes.append("A negative `left` is over-full: text, image and reserve exceed the window.")
    return list(dict.fromkeys(notes))
