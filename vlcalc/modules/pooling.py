"""Pooling of the visual grid, before or after it is projected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.core.division import divide
from vlcalc.modules.grids import to_grid, to_tokens, to_windows
from vlcalc.modules.primitives import Activation, FeedForward, build_mlp, check_grid, split_heads
from vlcalc.modules.projection import MLPProjector

Pool = Literal["average", "adaptive", "bilinear"]


class GridPool(nn.Module):
    """Shrink a grid of tokens: equal windows, adaptive windows, or bilinear interpolation."""

    def __init__(
        self, *, columns: int, rows: int, pooled_columns: int, pooled_rows: int, pool: Pool
    ) -> None:
        super().__init__()
        self.grid = (columns, rows)
        self.pooled_size = (pooled_rows, pooled_columns)
        self.pool = pool
        if pool == "average":
            self.kernel_size = (
                divide(rows, pooled_rows, part_name="pooled_rows", whole_name="rows"),
                divide(columns, pooled_columns, part_name="pooled_columns", whole_name="columns"),
            )

    def forward(self, x: Tensor) -> Tensor:
        grid = to_grid(x, *self.grid)  # (b, d, rows, columns)
        if self.pool == "average":
            pooled = F.avg_pool2d(grid, self.kernel_size)
        elif self.pool == "adaptive":
            pooled = F.adaptive_avg_pool2d(grid, self.pooled_size)
        else:
            pooled = F.interpolate(grid, size=self.pooled_size, mode="bilinear")
        return to_tokens(pooled)  # (b, pooled n, d)


class PooledProjectorModule(nn.Module):
    """An MLP projector with a pooled grid before it, or after it (`pool_first=False`).

    Source: LLaVA-OneVision, arXiv:2408.03326, section 3 (video: bilinear, after the projector);
    LLaVA-NeXT llava/model/llava_arch.py::get_2dPool; DeCo, arXiv:2405.20985 (adaptive, before).
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        columns: int,
        rows: int,
        pooled_columns: int,
        pooled_rows: int,
        pool: Pool,
        depth: int,
        activation: Activation,
        pool_first: bool,
    ) -> None:
        super().__init__()
        self.pool_first = pool_first
        self.pool = GridPool(
            columns=columns,
            rows=rows,
            pooled_columns=pooled_columns,
            pooled_rows=pooled_rows,
            pool=pool,
        )
        self.project = build_mlp([vision_width, *[text_width] * depth], activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        if self.pool_first:
            tokens: Tensor = self.project(self.pool(x))  # (b, pooled n, t)
        else:
            tokens = self.pool(self.project(x))  # (b, pooled n, t)
        return tokens


class OffsetRMSNorm(nn.Module):
    """An RMSNorm that scales by 1 + weight, so that zero weights change nothing.

    Source: Gemma, google/gemma_pytorch gemma/model.py::RMSNorm.
    """

    def __init__(self, *, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, 1.0 + self.weight, self.eps)


class GemmaProjectorModule(nn.Module):
    """Average-pool, RMSNorm, one matrix without bias.

    Source: Gemma 3, arXiv:2503.19786, section 2.1; transformers
    models/gemma3/modeling_gemma3.py::Gemma3MultiModalProjector.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        columns: int,
        rows: int,
        pooled_columns: int,
        pooled_rows: int,
        eps: float,
    ) -> None:
        super().__init__()
        self.pool = GridPool(
            columns=columns,
            rows=rows,
            pooled_columns=pooled_columns,
            pooled_rows=pooled_rows,
            pool="average",
        )
        self.norm = OffsetRMSNorm(width=vision_width, eps=eps)
        self.project = nn.Linear(vision_width, text_width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(self.norm(self.pool(x)))  # (b, pooled n, t)


class MatryoshkaPool(nn.Module):
    """Average a square grid down to nested sizes, coarse to fine; no parameters.

    Source: M3, arXiv:2405.17430, section 3; mu-cai/matryoshka-mm (24 x 24 to 12, 6, 3 and 1).
    """

    def __init__(self, *, side: int, pooled_sides: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            GridPool(
                columns=side, rows=side, pooled_columns=pooled, pooled_rows=pooled, pool="average"
            )
            for pooled in pooled_sides
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(level(x) for level in self.levels)  # each (b, pooled side^2, d)


class MatryoshkaProjector(nn.Sequential):
    """An MLP projector, then the pooling to every nested size.

    Source: M3, arXiv:2405.17430, section 3; mu-cai/matryoshka-mm llava/model/llava_arch.py.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        columns: int,
        depth: int,
        activation: Activation,
        pooled_sides: Sequence[int],
    ) -> None:
        projector = MLPProjector(
            vision_width=vision_width,
            text_width=text_width,
            depth=depth,
            hidden_width=None,
            input_norm=None,
            activation=activation,
            bias=True,
            eps=1e-5,
        )
        super().__init__(projector, MatryoshkaPool(side=columns, pooled_sides=pooled_sides))


class AttentionPoolingModule(nn.Module):
    """Each square of the grid becomes one token: its mean attends to it, a gated MLP projects.

    Source: Molmo, arXiv:2409.17146, section 2; allenai/molmo olmo/image_vit.py and olmo/model.py;
    Molmo2, transformers models/molmo2/modeling_molmo2.py::Molmo2Adapter.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        columns: int,
        rows: int,
        pool_size: int,
        num_heads: int,
        head_dim: int,
        hidden_width: int,
    ) -> None:
        super().__init__()
        check_grid(columns, rows, pool_size, side_name="pool_size")
        self.grid = (columns, rows)
        self.pool_size = pool_size
        self.head_dim = head_dim
        pooled_width = num_heads * head_dim
        self.query = nn.Linear(vision_width, pooled_width)
        self.key = nn.Linear(vision_width, pooled_width)
        self.value = nn.Linear(vision_width, pooled_width)
        self.output = nn.Linear(pooled_width, pooled_width)
        self.project = FeedForward(
            width=pooled_width,
            hidden_width=hidden_width,
            out_width=text_width,
            activation="silu",
            bias=False,
            gated=True,
        )

    def forward(self, x: Tensor) -> Tensor:
        columns, rows = self.grid
        squares = to_windows(x, columns=columns, rows=rows, side=self.pool_size)
        windows = squares.flatten(0, 1)  # (b * m, side^2, d)
        q = split_heads(self.query(windows.mean(dim=1, keepdim=True)), self.head_dim)
        k = split_heads(self.key(windows), self.head_dim)  # (b * m, h, side^2, e)
        v = split_heads(self.value(windows), self.head_dim)
        pooled = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(1)
        tokens: Tensor = self.project(self.output(pooled))  # (b * m, t)
        return tokens.unflatten(0, (x.shape[0], -1))  # (b, m, t)
