"""How exactly a figure was printed, and whether another is the same to that precision.

The one rule for published figures and for claims: a figure is the same when, written with as many
digits as were printed, it reads the same. Zeros at the end of a whole number are not digits.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

TOLERANCE = 0.1  # what `approximate` means, as a share of the true value

Number = int | float


def same_as_printed(true: Number, printed: Number) -> bool:
    """Tell whether `true`, rounded as `printed` was, is `printed`.

    A figure with a point is compared to its last decimal (15.3 is 15.25 to 15.35), a whole number
    to its last digit that is not a zero (42,000,000 is 41.5 to 42.5 million).
    """
    target = Decimal(repr(printed))
    whole = target == target.to_integral_value()
    if isinstance(printed, int) or (whole and abs(printed) >= 1000):
        num_digits = len(target.to_integral_value().as_tuple().digits) - _num_zeros(target)
        return _to_digits(Decimal(repr(true)), num_digits) == target
    unit = Decimal(1).scaleb(int(target.as_tuple().exponent))
    return Decimal(repr(true)).quantize(unit, rounding=ROUND_HALF_UP) == target


def is_near(true: Number, stated: Number) -> bool:
    """Tell whether a stated figure is within 10 % of the true one."""
    return abs(stated - true) <= TOLERANCE * abs(true)


def _num_zeros(whole: Decimal) -> int:
    text = str(abs(int(whole)))
    return len(text) - len(text.rstrip("0"))


def _to_digits(value: Decimal, num_digits: int) -> Decimal:
    """Return a value rounded to so many significant digits."""
    if value == 0:
        return value
    unit = Decimal(1).scaleb(value.adjusted() - max(num_digits, 1) + 1)
    return (value / unit).quantize(Decimal(1), rounding=ROUND_HALF_UP) * unit
