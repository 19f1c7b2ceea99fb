"""Pooling and projection: the grid is shrunk before or after an MLP.

Source: LLaVA-OneVision, arXiv:2408.03326, section 3; DeCo, arXiv:2405.20985.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation
from vlcalc.fusion.grids import check_equal_windows
from vlcalc.fusion.per_view import PerView


@FUSIONS.register("pooled_projector")
class PooledProjector(PerView):
    """An MLP, and a grid that is pooled to a fixed size.

    Attributes:
        pooled_columns: columns of the grid that the language model sees.
        pooled_rows: rows of it.
        pool: `average` over equal windows, `adaptive` over windows that may differ by one token,
            `bilinear` interpolation.
        depth: number of linear layers.
        pool_first: whether the pooling is before the MLP, which then has fewer rows.
    """

    module: ClassVar[str] = "pooling.PooledProjectorModule"
    token_effect: ClassVar[str] = "pooled to a fixed grid"
    spatial_detail: ClassVar[str] = "coarser grid, averaged"

    kind: Literal["pooled_projector"]
    pooled_columns: PositiveInt
    pooled_rows: PositiveInt
    pool: Literal["average", "adaptive", "bilinear"] = "average"
    depth: Depth = 2
    activation: Activation = "gelu"
    pool_first: bool = True

    def check(self, dims: Dims) -> None:
        if self.pool == "average":
            check_equal_windows(dims, self.pooled_columns, self.pooled_rows)

    def tokens_per_view(self, dims: Dims) -> int:
        return self.pooled_columns * self.pooled_rows

    def num_params(self, dims: Dims) -> int:
        return mlp_params(self._widths(dims))

    def num_flops(self, dims: Dims) -> int:
        tokens = self.tokens_per_view(dims) if self.pool_first else dims.num_visual_tokens
        return mlp_flops(dims.num_inputs * tokens, self._widths(dims))

    def _widths(self, dims: Dims) -> list[int]:
        return [dims.vision_width, *[dims.text_width] * self.depth]
