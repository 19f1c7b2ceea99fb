"""Attention within squares of a grid of patches.

Source: filled up to whole windows, SAM, arXiv:2304.02643, appendix A; with smaller windows at the
edge, Qwen2.5-VL, arXiv:2502.13923, section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

Grid = tuple[int, int]  # rows, columns: the order in which tensors hold them


def spans(length: int, size: int) -> Iterator[tuple[slice, int]]:
    """Return the span of the whole windows and that of a smaller last one, with their sizes."""
    whole = length - length % size
    if whole:
        yield slice(0, whole), size
    if whole < length:
        yield slice(whole, length), length - whole


def cut_windows(x: Tensor, height: int, width: int) -> Tensor:
    """Turn a grid (b, r, c, d) into its windows, (b * number, height * width, d)."""
    x = x.unflatten(2, (-1, width)).unflatten(1, (-1, height))  # (b, i, height, j, width, d)
    return x.transpose(2, 3).flatten(3, 4).flatten(0, 2)


def join_windows(windows: Tensor, like: Tensor, height: int, width: int) -> Tensor:
    """Undo `cut_windows`, given the grid that was cut."""
    batch, rows, columns = like.shape[:3]
    x = windows.reshape(batch, rows // height, columns // width, height, width, -1)
    return x.transpose(2, 3).reshape(batch, rows, columns, -1)


def attend_in_windows(
    attention: nn.Module, x: Tensor, grid: Grid, angles: Tensor | None, *, size: int, padded: bool
) -> Tensor:
    """Apply an attention, its projections included, to each window by itself.

    Args:
        attention: called with tokens, their grid and their angles.
        x: tokens of the whole grid, (b, n, d).
        grid: its rows and columns.
        angles: of each token, (1, n, e / 2); None without rotation.
        size: side of a window in patches.
        padded: whether the grid is filled up with zeros, which are attended to like patches.
    """
    rows, columns = grid
    x = x.unflatten(1, grid)  # (b, r, c, d)
    if angles is not None:
        angles = angles.expand(x.shape[0], -1, -1).unflatten(1, grid)
    if padded:
        fill = (0, 0, 0, -columns % size, 0, -rows % size)
        x = F.pad(x, fill)
        angles = None if angles is None else F.pad(angles, fill)
    strips = []
    for down, height in spans(x.shape[1], size):
        parts = []
        for across, width in spans(x.shape[2], size):
            part = x[:, down, across]
            turned = None if angles is None else cut_windows(angles[:, down, across], height, width)
            mixed = attention(cut_windows(part, height, width), (height, width), turned)
            parts.append(join_windows(mixed, part, height, width))
        strips.append(torch.cat(parts, dim=2))
    return torch.cat(strips, dim=1)[:, :rows, :columns].flatten(1, 2)  # (b, n, d)
