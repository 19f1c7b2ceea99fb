"""The columns of a table of any kind of row: chosen by key or group, sorted by, laid out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from vlcalc.core.errors import InputError, near_miss
from vlcalc.report.table import Column, Reader, Unit

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Metric(Generic[R]):
    """One column and how its value follows from a row."""

    column: Column
    value: Callable[[R], Any]

    def for_machines(self) -> Metric[R]:
        """Return the metric in a column that people are not shown."""
        return Metric(replace(self.column, reader="machines"), self.value)


def metric(
    key: str,
    title: str,
    value: Callable[[R], Any],
    unit: Unit = "count",
    priority: int = 9,
    *,
    reader: Reader = "both",
) -> Metric[R]:
    """Return the metric of a column of that key, title, unit, priority and reader."""
    return Metric(Column(key, title, unit, priority, reader), value)


class Columns(Generic[R]):
    """The metrics of one kind of row, by key.

    Attributes:
        by_key: all of them, in the order of the table.
        groups: name of a group -> its keys.
        default: keys that people are shown where none are asked for; machines get all.
    """

    def __init__(
        self,
        metrics: Sequence[Metric[R]],
        *,
        groups: Mapping[str, Sequence[str]] | None = None,
        default: Sequence[str] | None = None,
    ) -> None:
        self.by_key = {m.column.key: m for m in metrics}
        self.groups = dict(groups or {})
        self.default = tuple(self.by_key if default is None else default)

    def named(self, key: str, *, where: str = "") -> Metric[R]:
        """Return the metric of a key.

        Raises:
            InputError: there is none; the nearest is suggested.
        """
        if key not in self.by_key:
            known = [*self.by_key, *self.groups]
            hint = near_miss(key, known) or "known: " + ", ".join(known)
            raise InputError(expected="the key of a column", got=f"`{key}`", where=where, hint=hint)
        return self.by_key[key]

    def chosen(self, keys: Sequence[str] | None) -> tuple[Metric[R], ...]:
        """Return the metrics of keys and groups of keys; those for people by default.

        Raises:
            InputError: an unknown key.
        """
        if keys is None:
            machines = [key for key in self.by_key if key not in self.default]
            shown = [self.by_key[key] for key in self.default]
            return (*shown, *(self.by_key[key].for_machines() for key in machines))
        names = [name for key in keys for name in self.groups.get(key, (key,))]
        return tuple(self.named(name, where="--columns") for name in dict.fromkeys(names))

    def sorted(self, rows: Sequence[R], key: str, *, where: str = "") -> list[R]:
        """Return rows sorted by a metric, largest first with `-` before its key; unknown last.

        Raises:
            InputError: there is no such metric.
        """
        value = self.named(key.removeprefix("-"), where=where).value
        known = [row for row in rows if value(row) is not None]
        unknown = [row for row in rows if value(row) is None]
        return sorted(known, key=value, reverse=key.startswith("-")) + unknown


def cells(metrics: Sequence[Metric[R]], rows: Sequence[R]) -> list[tuple[Any, ...]]:
    """Return the values of rows, a cell a metric."""
    return [tuple(m.value(row) for m in metrics) for row in rows]
