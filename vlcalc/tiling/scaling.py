"""Whole-number scaling that several policies share; no floating point, so no stray pixel."""

from __future__ import annotations

from fractions import Fraction

from vlcalc.tiling.base import ImageSize


def ceil_div(number: int, divisor: int) -> int:
    """Return `number` / `divisor`, rounded up."""
    return -(-number // divisor)


def nearest_div(number: int, divisor: int) -> int:
    """Return `number` / `divisor`, rounded to the nearest integer, half up."""
    return (2 * number + divisor) // (2 * divisor)


def as_written(number: float) -> Fraction:
    """Return the decimal that a spec says: 1.2 is 6/5, not the double next to it."""
    return Fraction(str(number))


def fit_long_side(image: ImageSize, max_side: int) -> ImageSize:
    """Return the size after the long side was shrunk to `max_side`, the other to the nearest."""
    long_side = max(image)
    if long_side <= max_side:
        return image
    width, height = (max(1, nearest_div(side * max_side, long_side)) for side in image)
    return ImageSize(width, height)
