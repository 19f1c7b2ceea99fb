"""Published figures as tables: for people by kind of figure, for machines all in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vlcalc.audit.conventions import CONVENTIONS
from vlcalc.audit.published import VERDICTS, PublishedFigure
from vlcalc.core.units import format_share
from vlcalc.report.table import Column, Table

MACHINES = (
    Column("spec", "spec", "text"),
    Column("metric", "metric", "text"),
    Column("part", "part", "text"),
    Column("published", "published"),
    Column("ours", "ours"),
    Column("difference", "difference"),
    Column("share", "share", "share"),
    Column("verdict", "verdict", "text"),
    Column("convention", "convention", "text"),
    Column("sequence_length", "tokens"),
    Column("by_convention", "by its convention"),
    Column("why", "why", "text"),
    Column("source", "source", "text"),
)
PARAMS = (
    Column("counted", "parameters of", "text"),
    Column("published", "published"),
    Column("ours", "ours"),
    Column("outcome", "verdict", "text"),
    Column("why", "why", "text"),
)
FLOPS = (
    Column("counted", "FLOPs of", "text"),
    Column("published", "published", "flops"),
    Column("ours", "ours", "flops"),
    Column("by_convention", "its convention", "flops"),
    Column("outcome", "verdict", "text"),
    Column("why", "why", "text"),
)
RULE = (
    "Equal: to the last digit. Within rounding: ours, written with as many digits as were printed, "
    "is the figure. Different: by what was printed less ours, as a share of ours."
)
NONE = "Its spec quotes no figure that others published."


def figures_for_people(
    figures: Sequence[PublishedFigure], *, title: str, several: bool
) -> list[Table]:
    """Return a table of parameters and one of FLOPs, those that have rows.

    Args:
        figures: what to show.
        title: what the figures are of.
        several: whether they are of several specs, which are then named in each row.
    """
    params = [figure for figure in figures if not figure.is_flops]
    flops = [figure for figure in figures if figure.is_flops]
    tables = []
    if params:
        notes = (_summary(params), RULE)
        tables.append(_table(PARAMS, params, title, notes, several=several))
    if flops:
        ours = (
            f"Ours: {CONVENTIONS['ours'].what}; causal attention in full. "
            "Explained: counted as its convention says, it is the printed figure."
        )
        tables.append(_table(FLOPS, flops, title, (_summary(flops), ours), several=several))
    return tables or [Table(PARAMS, (), title, (NONE,))]


def figures_for_machines(figures: Sequence[PublishedFigure], *, title: str) -> Table:
    """Return all figures with all that is known of them, raw."""
    notes = (_summary(figures), RULE) if figures else (NONE,)
    return _table(MACHINES, figures, title, notes, several=False)


def _summary(figures: Sequence[PublishedFigure]) -> str:
    """Say how many figures have which verdict."""
    counts = Counter(figure.verdict for figure in figures)
    by_verdict = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    figure = "figure" if len(figures) == 1 else "figures"
    return f"{len(figures)} published {figure}: {', '.join(by_verdict)}."


def _table(
    columns: tuple[Column, ...],
    figures: Sequence[PublishedFigure],
    title: str,
    notes: tuple[str, ...],
    *,
    several: bool,
) -> Table:
    keys = [column.key for column in columns]
    rows = [tuple(_value(figure, key, several=several) for key in keys) for figure in figures]
    alerts = frozenset(i for i, figure in enumerate(figures) if figure.verdict == "different")
    return Table(columns, rows, title, notes, alerts)


def _value(figure: PublishedFigure, key: str, *, several: bool) -> object:
    if key == "published":
        return figure.published.value
    if key == "counted":
        return f"{figure.spec}: {figure.part}" if several else figure.part
    if key == "outcome":
        by = f" by {format_share(figure.share)}" if figure.verdict == "different" else ""
        return f"{figure.verdict}{by}"
    if key in ("metric", "convention", "sequence_length", "source"):
        return getattr(figure.published, key) or None
    value = getattr(figure, key)
    return None if value == "" else value
