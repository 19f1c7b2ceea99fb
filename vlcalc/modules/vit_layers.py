"""One layer of a vision transformer: attention over a grid of patches, and feed-forward.

Source: Dosovitskiy et al., arXiv:2010.11929, section 3.1; rotation by row and column from Qwen2-VL,
arXiv:2409.12191, section 2.1; windows and offsets of rows and columns from SAM, arXiv:2304.02643,
appendix A; layer scale from arXiv:2103.17239; gates from Llama 3, arXiv:2407.21783, section 7.2.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.primitives import (
    Activation,
    Attention,
    FeedForward,
    Norm,
    TanhGate,
    apply_if,
    build_norm,
    split_heads,
)
from vlcalc.modules.vit_windows import Grid, attend_in_windows

VisionActivation = Activation | Literal["quick_gelu"]


class QuickGELU(nn.Module):
    """Approximate GELU as OpenAI's CLIP does: x * sigmoid(1.702 x)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


def build_vision_feed_forward(
    *, width: int, hidden_width: int, activation: VisionActivation, bias: bool, gated: bool
) -> FeedForward:
    """Return a feed-forward with any activation that vision transformers have."""
    module = FeedForward(
        width=width,
        hidden_width=hidden_width,
        activation="gelu" if activation == "quick_gelu" else activation,
        bias=bias,
        gated=gated,
    )
    if activation == "quick_gelu":
        module.activation = QuickGELU()
    return module


class LayerScale(nn.Module):
    """Scale by a learned vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


def grid_angles(grid: Grid, rotary_dim: int, base: float, device: torch.device) -> Tensor:
    """Return the angles of every patch: half of a head's pairs turn by row, half by column.

    Pixtral and Llama 4 deal the frequencies to the axes in another order, at the same cost.
    """
    turns = torch.arange(rotary_dim // 4, dtype=torch.float32, device=device) / (rotary_dim // 4)
    rows, columns = (torch.arange(side, dtype=torch.float32, device=device) for side in grid)
    by_row = (rows[:, None] * base**-turns)[:, None].expand(-1, grid[1], -1)
    by_column = (columns[:, None] * base**-turns)[None].expand(grid[0], -1, -1)
    return torch.cat([by_row, by_column], dim=-1)  # (rows, columns, e / 2)


def rotate_by(x: Tensor, angles: Tensor) -> Tensor:
    """Rotate (b, h, n, e) by angles (b, n, e / 2); the two halves of a head are the pairs."""
    cos, sin = angles.cos().to(x.dtype)[:, None], angles.sin().to(x.dtype)[:, None]
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)


class RelativeOffsets(nn.Module):
    """Scores that depend on how many rows and columns are between query and key."""

    def __init__(self, side: int, head_dim: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.zeros(2 * side - 1, head_dim))
        self.columns = nn.Parameter(torch.zeros(2 * side - 1, head_dim))

    @staticmethod
    def _pick(table: Tensor, side: int) -> Tensor:
        """Return the vector of each pair of places along a side, (side, side, e)."""
        if table.shape[0] != 2 * side - 1:
            resized = F.interpolate(table.T[None], size=2 * side - 1, mode="linear")
            table = resized[0].T
        places = torch.arange(side, device=table.device)
        return table[places[:, None] - places[None] + side - 1]

    def forward(self, q: Tensor, grid: Grid) -> Tensor:
        """Return what is added to the scores of (b, h, n, e), (b, h, n, n)."""
        q = q.unflatten(2, grid)  # (b, h, r, c, e)
        by_row = torch.einsum("bhrce,rke->bhrck", q, self._pick(self.rows, grid[0]))
        by_column = torch.einsum("bhrce,cke->bhrck", q, self._pick(self.columns, grid[1]))
        both = by_row[..., :, None] + by_column[..., None, :]  # (b, h, r, c, r, c)
        return both.flatten(4).flatten(2, 3)


class VisionAttention(Attention):
    """Attention of the tokens of a grid to each other; norms span the width of all heads."""

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        qkv_bias: bool,
        key_bias: bool,
        output_bias: bool,
        qk_norm: Norm | None,
        relative_side: int,
        eps: float,
    ) -> None:
        super().__init__(width=width, num_heads=num_heads, bias=qkv_bias, out_bias=output_bias)
        if qkv_bias and not key_bias:
            self.key = nn.Linear(width, width, bias=False)
        if qk_norm:
            self.query_norm = build_norm(qk_norm, width, eps=eps)
            self.key_norm = build_norm(qk_norm, width, eps=eps)
        self.offsets = RelativeOffsets(relative_side, self.head_dim) if relative_side else None

    def forward(  # type: ignore[override]  # attends to itself alone
        self, x: Tensor, grid: Grid, angles: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        q = split_heads(apply_if(self.query_norm, self.query(x)), self.head_dim)  # (b, h, n, e)
        k = split_heads(apply_if(self.key_norm, self.key(x)), self.head_dim)
        v = split_heads(self.value(x), self.head_dim)
        if self.offsets is not None:
            mask = self.offsets(q, grid)
        if angles is not None:
            q, k = rotate_by(q, angles), rotate_by(k, angles)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return apply_if(self.output, mixed.transpose(1, 2).flatten(-2))  # (b, n, d)


class VisionLayer(nn.Module):
    """Attention and feed-forward, each normalised before, scaled or gated after, and added."""

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        ffn_width: int,
        activation: VisionActivation = "gelu",
        gated: bool = False,
        qkv_bias: bool = True,
        key_bias: bool = True,
        output_bias: bool = True,
        mlp_bias: bool = True,
        qk_norm: Norm | None = None,
        norm: Norm = "layer",
        layer_scale: bool = False,
        tanh_gates: bool = False,
        relative_side: int = 0,
        window_size: int | None = None,
        padded_windows: bool = False,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()

        def new_scale() -> nn.Module | None:
            if layer_scale:
                return LayerScale(width)
            return TanhGate() if tanh_gates else None

        self.window_size, self.padded_windows = window_size, padded_windows
        self.attention_norm = build_norm(norm, width, eps=eps)
        self.attention = VisionAttention(
            width=width,
            num_heads=num_heads,
            qkv_bias=qkv_bias,
            key_bias=key_bias,
            output_bias=output_bias,
            qk_norm=qk_norm,
            relative_side=relative_side,
            eps=eps,
        )
        self.attention_scale = new_scale()
        self.feed_forward_norm = build_norm(norm, width, eps=eps)
        self.feed_forward = build_vision_feed_forward(
            width=width, hidden_width=ffn_width, activation=activation, bias=mlp_bias, gated=gated
        )
        self.feed_forward_scale = new_scale()

    def forward(
        self, x: Tensor, grid: Grid, angles: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return tokens (b, n, d) of the same grid (rows, columns); `mask` as in attention."""
        normed = self.attention_norm(x)
        if self.window_size is None:
            mixed = self.attention(normed, grid, angles, mask)
        else:
            size = self.window_size
            mixed = attend_in_windows(
                self.attention, normed, grid, angles, size=size, padded=self.padded_windows
            )
        x = x + apply_if(self.attention_scale, mixed)
        hidden = self.feed_forward(self.feed_forward_norm(x))
        return x + apply_if(self.feed_forward_scale, hidden)
