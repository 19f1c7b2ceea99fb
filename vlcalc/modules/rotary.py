"""Rotary positions.

Source: Su et al., arXiv:2104.09864; the two halves of a head are the pairs, as in Llama.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotate(x: Tensor, rotary_dim: int, base: float) -> Tensor:
    """Rotate the first `rotary_dim` of each head by its position; the two halves are the pairs.

    Elementwise products only: no contraction that a counter could see.
    """
    half = rotary_dim // 2
    turns = torch.arange(half, dtype=torch.float32, device=x.device) / half
    positions = torch.arange(x.shape[-2], dtype=torch.float32, device=x.device)
    angles = positions[:, None] * base**-turns  # (s, half)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    left, right, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    rotated = [left * cos - right * sin, right * cos + left * sin, rest]
    return torch.cat(rotated, dim=-1)  # (b, h, s, e)
