"""Resamplers of learned queries that are no Perceiver: those of one layer, and a deeper one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.grids import sine_positions, square_side, to_tokens
from vlcalc.modules.primitives import Attention, FeedForward, LearnedTokens, apply_if


class CrossAttentionResamplerModule(nn.Module):
    """One cross-attention layer from learned queries, with fixed 2-D positions.

    `output_projection` adds Qwen-VL's norm and matrix behind it. With `query_positions` the queries
    are a square grid, and its positions are stretched for the keys; without (MiniCPM-V), the keys
    alone have positions, those of their own grid. `position_parameter` keeps them as a frozen
    parameter, as Qwen-VL's checkpoint does, so that they are counted.

    Source: Qwen-VL, arXiv:2308.12966, section 2.1; Qwen/Qwen-VL visual.py::Resampler; MiniCPM-V,
    arXiv:2408.01800, section 3.1; openbmb/MiniCPM-V-2_6 resampler.py.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        columns: int,
        rows: int,
        num_queries: int,
        num_heads: int,
        output_projection: bool,
        query_positions: bool,
        position_parameter: bool,
        eps: float,
    ) -> None:
        super().__init__()
        self.side = square_side(num_queries, name="num_queries") if query_positions else 0
        self.queries = LearnedTokens(num_tokens=num_queries, width=text_width)
        positions = sine_positions(
            columns=self.side or columns, rows=self.side or rows, width=text_width
        )
        if position_parameter:
            self.positions = nn.Parameter(positions, requires_grad=False)
        else:
            self.register_buffer("positions", positions, persistent=False)
        self.project = nn.Linear(vision_width, text_width, bias=False)
        self.key_norm = nn.LayerNorm(text_width, eps=eps)
        self.query_norm = nn.LayerNorm(text_width, eps=eps)
        self.attention = Attention(width=text_width, num_heads=num_heads, bias=True)
        self.output = None
        if output_projection:
            self.output = nn.Sequential(
                nn.LayerNorm(text_width, eps=eps), nn.Linear(text_width, text_width, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        features = self.key_norm(self.project(x))  # (b, n, t)
        queries = self.query_norm(self.queries(x.shape[0]))  # (b, m, t)
        if self.side:
            side = square_side(x.shape[1], name="visual tokens")
            keys = features + self._positions_for(side)  # (b, n, t)
            queries = queries + self.positions
        else:
            keys = features + self.positions
        fused = self.attention(queries, keys, values=features)  # (b, m, t)
        return apply_if(self.output, fused)

    def _positions_for(self, side: int) -> Tensor:
        """Return the positions stretched to another grid, (1, side^2, t)."""
        grid = self.positions.T.unflatten(1, (self.side, self.side))[None]  # (1, t, side, side)
        stretched = F.interpolate(grid.float(), size=(side, side), mode="bicubic")
        return to_tokens(stretched.to(grid.dtype))


class SelfCrossLayer(nn.Module):
    """Queries attend to themselves, then to the visual tokens; optionally a feed-forward.

    Source: blasphemetheus/edifice lib/edifice/multimodal/fusion.ex (its Perceiver Resampler).
    """

    def __init__(
        self, *, width: int, num_heads: int, output_projection: bool, feed_forward: bool
    ) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(width)
        self.self_attention = Attention(
            width=width, num_heads=num_heads, bias=True, output_projection=output_projection
        )
        self.cross_norm = nn.LayerNorm(width)
        self.cross_attention = Attention(
            width=width, num_heads=num_heads, bias=True, output_projection=output_projection
        )
        self.feed_forward = None
        if feed_forward:
            self.feed_forward = nn.Sequential(
                nn.LayerNorm(width), FeedForward(width=width, hidden_width=4 * width)
            )

    def forward(self, queries: Tensor, x: Tensor) -> Tensor:
        queries = queries + self.self_attention(self.self_norm(queries))  # (b, m, t)
        queries = queries + self.cross_attention(self.cross_norm(queries), x)  # (b, m, t)
        if self.feed_forward is not None:
            queries = queries + self.feed_forward(queries)  # (b, m, t)
        return queries


class SelfCrossResamplerModule(nn.Module):
    """Project the visual tokens, then alternate self- and cross-attention over learned queries.

    Source: blasphemetheus/edifice lib/edifice/multimodal/fusion.ex; `output_projection` and
    `feed_forward` give the transformer form of it.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        num_queries: int,
        depth: int,
        num_heads: int,
        output_projection: bool,
        feed_forward: bool,
    ) -> None:
        super().__init__()
        same_width = vision_width == text_width
        self.project = None if same_width else nn.Linear(vision_width, text_width)
        self.queries = LearnedTokens(num_tokens=num_queries, width=text_width)
        self.layers = nn.ModuleList(
            SelfCrossLayer(
                width=text_width,
                num_heads=num_heads,
                output_projection=output_projection,
                feed_forward=feed_forward,
            )
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = apply_if(self.project, x)  # (b, n, t)
        queries: Tensor = self.queries(x.shape[0])  # (b, m, t)
        for layer in self.layers:
            queries = layer(queries, x)
        return queries


class JointResamplerModule(nn.Module):
    """Latents attend once to the projected visual tokens and to themselves; nothing is normalised.

    Source: KOSMOS-2, arXiv:2306.14824; transformers
    models/kosmos2/modeling_kosmos2.py::Kosmos2ImageToTextProjection.
    """

    def __init__(
        self, *, vision_width: int, text_width: int, num_latents: int, num_heads: int
    ) -> None:
        super().__init__()
        self.project = nn.Linear(vision_width, text_width)
        self.latents = LearnedTokens(num_tokens=num_latents, width=text_width)
        self.attention = Attention(width=text_width, num_heads=num_heads, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        latents = self.latents(x.shape[0])  # (b, m, t)
        context = torch.cat([self.project(x), latents], dim=1)  # (b, n + m, t)
        return self.attention(latents, context)  # (b, m, t)


class AriaProjectorModule(nn.Module):
    """Queries read the visual tokens in one layer at vision width, then an MLP to text width.

    Queries, keys and values pass a matrix without bias before those of the attention itself, as
    the released code has it. Only the first `used_queries` are run; all of them by default.

    Source: Aria, arXiv:2410.05993, section 2.2; transformers models/aria/modeling_aria.py.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        num_queries: int,
        used_queries: int,
        num_heads: int,
    ) -> None:
        super().__init__()
        self.used_queries = used_queries or num_queries
        self.queries = LearnedTokens(num_tokens=num_queries, width=vision_width)
        self.query_norm = nn.LayerNorm(vision_width)
        self.key_norm = nn.LayerNorm(vision_width)
        self.query = nn.Linear(vision_width, vision_width, bias=False)
        self.key = nn.Linear(vision_width, vision_width, bias=False)
        self.value = nn.Linear(vision_width, vision_width, bias=False)
        self.attention = Attention(width=vision_width, num_heads=num_heads, bias=True)
        self.output = nn.Linear(vision_width, vision_width)
        self.norm = nn.LayerNorm(vision_width)
        self.feed_forward = FeedForward(
            width=vision_width,
            hidden_width=text_width,
            out_width=text_width,
            activation="gelu_tanh",
            bias=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        queries = self.queries(x.shape[0])[:, : self.used_queries]  # (b, m, d)
        queries = self.query(self.query_norm(queries))  # (b, m, d)
        x = self.key_norm(x)
        fused = self.output(self.attention(queries, self.key(x), values=self.value(x)))
        return self.feed_forward(self.norm(fused))  # (b, m, t)
