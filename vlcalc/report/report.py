"""A result as it is written: tables for people, one table or a document for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vlcalc.report.table import Table


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a result shows.

    Attributes:
        tables: what people are shown, one after another.
        machines: the one table of formats that hold just one; None for `tables` joined.
        document: what JSON holds in place of a table.
    """

    tables: Sequence[Table]
    machines: Table | None = None
    document: dict[str, Any] | None = None
