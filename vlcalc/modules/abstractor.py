"""Honeybee's abstractors: as flexible in tokens as a resampler, as local as a convolution."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.convolutions import RegNetBlock
from vlcalc.modules.grids import square_side, to_grid, to_tokens
from vlcalc.modules.primitives import Attention, FeedForward, LearnedTokens, apply_if, build_mlp


class CAbstractorModule(nn.Module):
    """Residual blocks, adaptive average pooling to the wanted grid, residual blocks, MLP.

    The class token is dropped before it gets here.

    Source: Honeybee, arXiv:2312.06742, section 3.2; khanrc/honeybee
    honeybee/projectors.py::CAbstractor.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        num_visual_tokens: int,
        num_queries: int,
        hidden_width: int,
        depth: int,
        mlp_depth: int,
    ) -> None:
        super().__init__()
        self.side = square_side(num_visual_tokens, name="visual tokens")
        pooled_side = square_side(num_queries, name="num_queries")
        self.positions = LearnedTokens(num_tokens=num_visual_tokens, width=vision_width)
        widths = [vision_width, *[hidden_width] * (2 * depth)]
        blocks = [
            RegNetBlock(in_channels=in_channels, channels=channels)
            for in_channels, channels in pairwise(widths)
        ]
        pool = nn.AdaptiveAvgPool2d(pooled_side)
        self.net = nn.Sequential(*blocks[:depth], pool, *blocks[depth:])
        self.readout = build_mlp([hidden_width, *[text_width] * mlp_depth], activation="silu")

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.positions(x.shape[0])  # (b, n, d)
        grid = self.net(to_grid(x, self.side, self.side))  # (b, hidden, pooled, pooled)
        return self.readout(to_tokens(grid))  # (b, m, t)


class DeformableAttention(nn.Module):
    """Each query reads a grid at a few learned points around its own reference point.

    Source: Deformable DETR, arXiv:2010.04159, section 4.1, with a single feature level.
    """

    def __init__(self, *, width: int, num_heads: int, num_points: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.num_points = num_points
        self.offsets = nn.Linear(width, num_heads * num_points * 2)
        self.weights = nn.Linear(width, num_heads * num_points)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, reference_points: Tensor, features: Tensor, side: int) -> Tensor:
        per_head = (self.num_heads, self.num_points)
        weights = self.weights(x).unflatten(-1, per_head).softmax(-1)  # (b, m, h, points)
        offsets = self.offsets(x).unflatten(-1, (*per_head, 2)) / side  # (b, m, h, points, 2)
        points = reference_points[:, :, None, None] + offsets  # (b, m, h, points, 2) in 0..1
        grid = to_grid(self.value(features), side, side)  # (b, d, side, side)
        grid = grid.unflatten(1, (self.num_heads, -1)).flatten(0, 1)  # (b * h, e, side, side)
        points = 2 * points.transpose(1, 2).flatten(0, 1) - 1  # (b * h, m, points, 2) in -1..1
        sampled = F.grid_sample(grid, points, align_corners=False)  # (b * h, e, m, points)
        weights = weights.transpose(1, 2).flatten(0, 1)[:, None]  # (b * h, 1, m, points)
        mixed = (sampled * weights).sum(-1).unflatten(0, (-1, self.num_heads))  # (b, h, e, m)
        return self.output(to_tokens(mixed.flatten(1, 2)))  # (b, m, d)


class DeformableLayer(nn.Module):
    """Self-attention over the queries, deformable cross-attention, feed-forward; norms after each.

    Source: Deformable DETR, arXiv:2010.04159, section 4.2 (decoder layer).
    """

    def __init__(self, *, width: int, num_heads: int, num_points: int, hidden_width: int) -> None:
        super().__init__()
        self.attention = Attention(width=width, num_heads=num_heads, bias=True)
        self.attention_norm = nn.LayerNorm(width)
        self.cross_attention = DeformableAttention(
            width=width, num_heads=num_heads, num_points=num_points
        )
        self.cross_attention_norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width=width, hidden_width=hidden_width, activation="relu")
        self.feed_forward_norm = nn.LayerNorm(width)

    def forward(
        self, x: Tensor, positions: Tensor, reference_points: Tensor, features: Tensor, side: int
    ) -> Tensor:
        attended = self.attention(x + positions, values=x)  # (b, m, d)
        x = self.attention_norm(x + attended)
        read = self.cross_attention(x + positions, reference_points, features, side)  # (b, m, d)
        x = self.cross_attention_norm(x + read)
        return self.feed_forward_norm(x + self.feed_forward(x))


class DAbstractorModule(nn.Module):
    """Learned queries over deformable attention, started from the pooled features.

    Source: Honeybee, arXiv:2312.06742, section 3.2; khanrc/honeybee
    honeybee/projectors.py::DAbstractor (`pooled_v_target` "tgt", Deformable DETR's defaults).
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        num_visual_tokens: int,
        num_queries: int,
        hidden_width: int,
        depth: int,
        num_heads: int,
        num_points: int,
        feed_forward_width: int,
    ) -> None:
        super().__init__()
        self.side = square_side(num_visual_tokens, name="visual tokens")
        query_side = square_side(num_queries, name="num_queries")
        same_width = vision_width == hidden_width
        self.project_in = None if same_width else nn.Linear(vision_width, hidden_width)
        self.positions = LearnedTokens(num_tokens=num_visual_tokens, width=hidden_width)
        self.query_positions = LearnedTokens(num_tokens=num_queries, width=hidden_width)
        self.pool = nn.AdaptiveAvgPool2d(query_side)
        self.reference_points = nn.Parameter(_reference_points(self.side, query_side))
        self.layers = nn.ModuleList(
            DeformableLayer(
                width=hidden_width,
                num_heads=num_heads,
                num_points=num_points,
                hidden_width=feed_forward_width,
            )
            for _ in range(depth)
        )
        self.project_out = nn.Linear(hidden_width, text_width)

    def forward(self, x: Tensor) -> Tensor:
        batch_size = x.shape[0]
        features = apply_if(self.project_in, x) + self.positions(batch_size)  # (b, n, d)
        queries = to_tokens(self.pool(to_grid(features, self.side, self.side)))  # (b, m, d)
        positions = self.query_positions(batch_size)  # (b, m, d)
        points = self.reference_points.expand(batch_size, -1, -1)  # (b, m, 2)
        for layer in self.layers:
            queries = layer(queries, positions, points, features, self.side)
        return self.project_out(queries)  # (b, m, t)


def _reference_points(side: int, query_side: int) -> Tensor:
    """Return the queries' points (m, 2), column then row in 0..1, spread from edge to edge."""
    steps = torch.linspace(0.5, side - 0.5, query_side) / side
    columns, rows = steps.repeat(query_side), steps.repeat_interleave(query_side)
    return torch.stack([columns, rows], dim=-1)
