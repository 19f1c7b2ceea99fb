"""Holds two counts of the same things against each other, refusals included."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tests.oracle.sizes import SEED
from vlcalc.core.errors import RefusedError

Case = TypeVar("Case")


@dataclass(frozen=True)
class Refused:
    """An answer that equals every other refusal, for whatever reason."""

    reason: str = field(compare=False)


def check_equal(
    cases: Iterable[Case], ours: Callable[[Case], object], theirs: Callable[[Case], object]
) -> None:
    """Assert that vlcalc and transformers say the same of every case.

    Raises:
        AssertionError: the cases where they part, and the seed that brings them back.
    """
    wrong = []
    for case in cases:
        mine, real = answer(ours, case), answer(theirs, case)
        if mine != real:
            wrong.append(f"{case}: vlcalc says {mine}, transformers {real}")
    assert not wrong, f"VLCALC_ORACLE_SEED={SEED}: " + "; ".join(wrong)


def answer(count: Callable[[Case], object], case: Case) -> object:
    """Return the count, or that it was refused: processors do so by errors of arithmetic too."""
    try:
        return count(case)
    except (RefusedError, ValueError, ZeroDivisionError) as error:
        return Refused(str(error))
