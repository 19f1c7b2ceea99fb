"""Cambrian's Spatial Vision Aggregator: each query reads only its own window of each encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.core.division import divide
from vlcalc.modules.grids import square_side, to_windows
from vlcalc.modules.primitives import FeedForward, LearnedTokens, build_mlp, split_heads
from vlcalc.modules.projection import ImageNewline


class WindowAttention(nn.Module):
    """Queries attend to the windows of all encoders at once; each has its own k and v.

    Source: cambrian-mllm/cambrian cambrian/model/vision_sampler.py::MultiKVCrossAttention.
    """

    def __init__(self, *, width: int, num_encoders: int, num_heads: int) -> None:
        super().__init__()
        self.head_dim = divide(width, num_heads, part_name="num_heads", whole_name="width")
        self.query = self._normed(width)
        self.keys = nn.ModuleList(self._normed(width) for _ in range(num_encoders))
        self.values = nn.ModuleList(self._normed(width) for _ in range(num_encoders))
        self.output = nn.Linear(width, width, bias=False)

    @staticmethod
    def _normed(width: int) -> nn.Sequential:
        return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width, bias=False))

    def forward(self, x: Tensor, windows: Sequence[Tensor]) -> Tensor:
        keys = [key(window) for key, window in zip(self.keys, windows, strict=True)]
        values = [value(window) for value, window in zip(self.values, windows, strict=True)]
        q = split_heads(self.query(x), self.head_dim)  # (b * m, h, 1, e)
        k = split_heads(torch.cat(keys, dim=1), self.head_dim)  # (b * m, h, all windows, e)
        v = split_heads(torch.cat(values, dim=1), self.head_dim)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)
        return self.output(mixed)  # (b * m, 1, width)


class AggregatorLayer(nn.Module):
    """Add the global context to the query, attend to its windows, map back; residual.

    Source: cambrian-mllm/cambrian cambrian/model/vision_sampler.py::VisionCrossAttentionLayer.
    """

    def __init__(
        self, *, query_width: int, width: int, window_sides: Sequence[int], num_heads: int
    ) -> None:
        super().__init__()
        self.project_context = nn.Linear(width, width, bias=False)
        self.project_in = nn.Linear(query_width + width, width, bias=False)
        self.attention = WindowAttention(
            width=width, num_encoders=len(window_sides), num_heads=num_heads
        )
        self.norm = nn.LayerNorm(width)
        self.project_out = FeedForward(
            width=width, hidden_width=width, out_width=query_width, bias=False
        )
        # A window of a single token needs no position inside it.
        self.positions = nn.ModuleDict(
            {
                str(index): LearnedTokens(num_tokens=side**2, width=width)
                for index, side in enumerate(window_sides)
                if side > 1
            }
        )

    def forward(self, queries: Tensor, context: Tensor, windows: Sequence[Tensor]) -> Tensor:
        placed = list(windows)  # encoders x (b * m, side^2, width)
        for index, position in self.positions.items():
            window = placed[int(index)]
            placed[int(index)] = window + position(len(window))
        joined = torch.cat([queries, self.project_context(context)], dim=-1)
        x = self.project_in(joined)  # (b * m, 1, width)
        x = self.norm(x + self.attention(x, placed))
        return queries + self.project_out(x)  # (b * m, 1, query width)


class AggregatorStack(nn.Module):
    """The sampler alone: `depth` aggregator layers over queries at `query_width`.

    Source: Cambrian-1, arXiv:2406.16860, section 4; cambrian-mllm/cambrian
    cambrian/model/vision_sampler.py::VisionTokenSampler.
    """

    def __init__(
        self,
        *,
        query_width: int,
        width: int,
        window_sides: Sequence[int],
        depth: int,
        num_heads: int,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            AggregatorLayer(
                query_width=query_width, width=width, window_sides=window_sides, num_heads=num_heads
            )
            for _ in range(depth)
        )

    def forward(self, queries: Tensor, context: Tensor, windows: Sequence[Tensor]) -> Tensor:
        for layer in self.layers:
            queries = layer(queries, context, windows)
        return queries


class SpatialVisionAggregator(nn.Module):
    """The connector: project each encoder, sample with one learned query, project, add newlines.

    With `num_inserted`, as many single-layer aggregators at text width follow over the image
    positions, as the language model runs them between its layers.

    Source: Cambrian-1, arXiv:2406.16860, section 4; cambrian-mllm/cambrian
    cambrian/model/cambrian_arch.py.
    """

    def __init__(
        self,
        *,
        vision_widths: Sequence[int],
        text_width: int,
        window_sides: Sequence[int],
        num_queries: int,
        width: int,
        depth: int,
        num_heads: int,
        num_inserted: int,
    ) -> None:
        super().__init__()
        self.query_side = square_side(num_queries, name="num_queries")
        self.window_sides = tuple(window_sides)
        self.projects = nn.ModuleList(
            nn.Sequential(build_mlp([vision, width, width]), nn.LayerNorm(width))
            for vision in vision_widths
        )
        self.query = nn.Parameter(torch.empty(1, width).normal_(std=text_width**-0.5))
        self.sampler = AggregatorStack(
            query_width=width,
            width=width,
            window_sides=window_sides,
            depth=depth,
            num_heads=num_heads,
        )
        self.readout = build_mlp([width, text_width, text_width])
        self.newline = ImageNewline(text_width=text_width)
        self.inserted = nn.ModuleList(
            AggregatorStack(
                query_width=text_width,
                width=width,
                window_sides=window_sides,
                depth=1,
                num_heads=num_heads,
            )
            for _ in range(num_inserted)
        )

    def forward(self, *features: Tensor) -> Tensor:
        """Aggregate (b, (query side * window side)^2, width of the encoder) of each encoder."""
        context, windows = self._read(*features)
        queries = self.query.expand(context.shape[0], 1, -1)  # (b * m, 1, width)
        sampled = self.sampler(queries, context, windows).unflatten(0, (-1, self.query_side**2))
        tokens = self.newline(self.readout(sampled.squeeze(2)), self.query_side)  # (b, m + rows, t)
        return self._insert(tokens, context, windows)

    def _read(self, *features: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the global context (b * m, 1, width) and each encoder's windows."""
        projected = [
            project(feature) for project, feature in zip(self.projects, features, strict=True)
        ]  # encoders x (b, n, width)
        mean = projected[0].mean(dim=1)  # (b, width)
        context = mean.repeat_interleave(self.query_side**2, dim=0)  # (b * m, width)
        return context[:, None], [
            self._windows(x, side) for x, side in zip(projected, self.window_sides, strict=True)
        ]

    def _windows(self, x: Tensor, side: int) -> Tensor:
        grid_side = self.query_side * side
        windows = to_windows(x, columns=grid_side, rows=grid_side, side=side)
        return windows.flatten(0, 1)  # (b * m, side^2, width)

    def _insert(self, tokens: Tensor, context: Tensor, windows: list[Tensor]) -> Tensor:
        """Pass the image positions through the inserted layers; the newlines stay as they are."""
        rows = tokens.unflatten(1, (self.query_side, self.query_side + 1))  # (b, rows, cols + 1, t)
        image, newlines = rows[:, :, :-1], rows[:, :, -1:]
        for layer in self.inserted:
            flat = layer(image.flatten(0, 2)[:, None], context, windows)  # (b * m, 1, t)
            image = flat.reshape(image.shape)
        return torch.cat([image, newlines], dim=2).flatten(1, 2)  # (b, m + rows, t)
