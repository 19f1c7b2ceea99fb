"""Errors that a user can cause; everything else is a bug of ours and keeps its traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from vlcalc.core.text import printable


class VlcalcError(Exception):
    """Base of every error that the user's input can cause; `str()` is one clear line."""


class InputError(VlcalcError):
    """A value that is not what it should be.

    Attributes:
        expected: what would have been right, lower case, no full stop.
        got: what came, as the user wrote it.
        where: file, line and key path, option or column.
        hint: what to do about it.
    """

    def __init__(self, *, expected: str, got: str, where: str = "", hint: str = "") -> None:
        self.expected = expected
        self.got = got
        self.where = where
        self.hint = hint
        super().__init__(expected, got, where, hint)

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        hint = f"; {self.hint}" if self.hint else ""
        return printable(f"{where}expected {self.expected}, got {self.got}{hint}")


class SpecError(VlcalcError):
    """A spec file that is not valid: *all* its errors, one line each."""

    def __init__(self, errors: Iterable[InputError]) -> None:
        self.errors = tuple(errors)
        super().__init__(*self.errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class RefusedError(VlcalcError):
    """An image or video that the model's real processor refuses on principle, and why."""


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return the hint ``did you mean `x`?`` for the known name nearest to `name`, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""
