"""The grid of visual tokens: number of its windows, side of a square one."""

from __future__ import annotations

import math

from vlcalc.core.division import divide
from vlcalc.core.errors import InputError
from vlcalc.fusion.base import Dims


def num_windows(dims: Dims, side: int, *, side_name: str) -> int:
    """Return the number of squares of `side` x `side` visual tokens in the grid.

    Raises:
        InputError: `side` does not divide the columns or the rows; both numbers are named.
    """
    columns = divide(dims.columns, side, whole_name="columns", part_name=side_name)
    rows = divide(dims.rows, side, whole_name="rows", part_name=side_name)
    return columns * rows


def grid_side(dims: Dims) -> int:
    """Return the side of a square grid.

    Raises:
        InputError: the grid is not a square.
    """
    if dims.columns != dims.rows:
        raise InputError(
            expected="a square grid of visual tokens", got=f"{dims.columns} x {dims.rows}"
        )
    return dims.columns


def check_square(number: int, *, name: str) -> None:
    """Refuse a number of tokens that cannot lie in a square.

    Raises:
        InputError: `number` is not the square of an integer.
    """
    if math.isqrt(number) ** 2 != number:
        raise InputError(expected=f"`{name}` that is a square", got=str(number))


def check_equal_windows(dims: Dims, pooled_columns: int, pooled_rows: int) -> None:
    """Refuse a pooled grid whose tokens would not all stand for windows of one size.

    Raises:
        InputError: the pooled columns or rows do not divide the grid's; both numbers are named.
    """
    divide(dims.columns, pooled_columns, whole_name="columns", part_name="pooled_columns")
    divide(dims.rows, pooled_rows, whole_name="rows", part_name="pooled_rows")
