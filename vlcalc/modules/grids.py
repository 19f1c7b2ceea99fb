"""Visual tokens as a grid: to an image of features and back, windows, sine positions.

Token order is row-major throughout; a grid is given as columns x rows.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vlcalc.core.errors import InputError


def square_side(num_tokens: int, *, name: str) -> int:
    """Return the side of a square grid of `num_tokens`.

    Raises:
        InputError: the tokens are no square; `name` says whose they are.
    """
    side = math.isqrt(num_tokens)
    if side**2 != num_tokens:
        raise InputError(expected=f"`{name}` that is a square", got=str(int(num_tokens)))
    return side


def to_grid(x: Tensor, columns: int, rows: int) -> Tensor:
    """Turn (b, rows * columns, d) into (b, d, rows, columns)."""
    return x.transpose(1, 2).unflatten(2, (rows, columns))


def to_tokens(x: Tensor) -> Tensor:
    """Turn (b, d, rows, columns) into (b, rows * columns, d)."""
    return x.flatten(2).transpose(1, 2)


def to_windows(x: Tensor, *, columns: int, rows: int, side: int) -> Tensor:
    """Group a grid into squares: (b, n, d) into (b, n / side^2, side^2, d).

    Inside a window the tokens stay row-major, which is the channel order of InternVL's and
    Idefics3's pixel shuffle and of Qwen2-VL's merged patches.
    """
    x = x.unflatten(1, (rows // side, side, columns // side, side))
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)  # (b, n / side^2, side^2, d)


def sine_positions(*, columns: int, rows: int, width: int) -> Tensor:
    """Return fixed 2-D positions (rows * columns, width): column first, then row.

    Source: He et al., arXiv:2111.06377; facebookresearch/mae util/pos_embed.py. The first half of
    the channels encodes the column and the second half the row, each as all sines then all cosines.
    """
    rates = 10000.0 ** -(torch.arange(width // 4) / (width / 4))  # (width / 4)
    across = torch.arange(columns).repeat(rows)  # (rows * columns)
    down = torch.arange(rows).repeat_interleave(columns)
    angles = [axis[:, None] * rates for axis in (across, down)]
    return torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=-1)
