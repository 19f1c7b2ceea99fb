"""Division without a rest, of counts that a user can set."""

from __future__ import annotations

from vlcalc.core.errors import InputError


def divide(whole: int, part: int, *, whole_name: str, part_name: str) -> int:
    """Return whole / part.

    Raises:
        InputError: `part` does not divide `whole`; the message names both.
    """
    if part < 1 or whole % part:
        raise InputError(
            expected=f"`{part_name}` that divides `{whole_name}` ({whole})", got=str(part)
        )
    return whole // part
