"""A table of raw values with what a reader must know of each column; formats turn it into text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

Unit = Literal[
    "text",
    "count",
    "share",
    "ratio",
    "usd",
    "flops",
    "bytes",
    "decimal_bytes",
    "times",
    "seconds",
    "flops_per_s",
    "tera",
    "bytes_per_s",
]
Reader = Literal["people", "machines", "both"]


class Unverified:
    """Marks a number with a weak source: people see a `?` after it, machines the number."""

    __slots__ = ()


class UnverifiedInt(Unverified, int):
    """An integer with a weak source."""

    __slots__ = ()


class UnverifiedFloat(Unverified, float):
    """A real number with a weak source."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        key: name in CSV and JSON; carries the unit where there is one.
        title: name in a table for people.
        unit: how `units.py` writes a value.
        priority: columns with the lowest go first when a terminal is too narrow; 9 never goes.
        reader: whether it is for people (table, markdown), for machines (csv, json), or both.
    """

    key: str
    title: str
    unit: Unit = "count"
    priority: int = 9
    reader: Reader = "both"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows of raw values in base units; None is unknown.

    Attributes:
        columns: what each cell of a row means.
        rows: may be a stream; only the `table` format needs them all at once.
        title: what the table shows, in one line.
        notes: what a reader must know, a line each.
        alerts: numbers of the rows that stand out, from 0.
    """

    columns: tuple[Column, ...]
    rows: Iterable[tuple[Any, ...]]
    title: str = ""
    notes: tuple[str, ...] = ()
    alerts: frozenset[int] = frozenset()

    def for_reader(self, reader: Reader) -> Table:
        """Return the table with the columns that are for `reader` only."""
        keep = [i for i, column in enumerate(self.columns) if column.reader in ("both", reader)]
        if len(keep) == len(self.columns):
            return self
        rows = (tuple(row[i] for i in keep) for row in self.rows)
        return replace(self, columns=tuple(self.columns[i] for i in keep), rows=rows)
