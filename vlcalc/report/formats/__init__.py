"""Formats: a table -> text, chunk by chunk. Pure, they print nothing. One file per format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vlcalc.core.registry import Registry
from vlcalc.report.table import Table


@dataclass(frozen=True, slots=True)
class Canvas:
    """What the text will be shown on.

    Attributes:
        width: columns of the terminal; None for a pipe or a file, where nothing is cut.
        color: whether colours may be used.
        unicode: whether box-drawing characters may be used.
    """

    width: int | None = None
    color: bool = False
    unicode: bool = True


Renderer = Callable[[Table, Canvas], Iterator[str]]

FORMATS: Registry[Renderer] = Registry("format", "vlcalc.report.formats")
