"""Gemma 3's projector: average pooling, an RMSNorm, one matrix.

Source: Gemma 3, arXiv:2503.19786, section 2.1; transformers models/gemma3/modeling_gemma3.py.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveFloat, PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.grids import check_equal_windows
from vlcalc.fusion.per_view import PerView


@FUSIONS.register("gemma_projector")
class GemmaProjector(PerView):
    """Average pooling to a fixed grid, RMSNorm, a linear layer without bias.

    Attributes:
        pooled_columns: columns of the grid that the language model sees.
        pooled_rows: rows of it.
        eps: what the norm adds to the mean square.
    """

    module: ClassVar[str] = "pooling.GemmaProjectorModule"
    token_effect: ClassVar[str] = "pooled to a fixed grid"
    spatial_detail: ClassVar[str] = "coarser grid, averaged"

    kind: Literal["gemma_projector"]
    pooled_columns: PositiveInt
    pooled_rows: PositiveInt
    eps: PositiveFloat = 1e-6

    def check(self, dims: Dims) -> None:
        check_equal_windows(dims, self.pooled_columns, self.pooled_rows)

    def tokens_per_view(self, dims: Dims) -> int:
        return self.pooled_columns * self.pooled_rows

    def num_params(self, dims: Dims) -> int:
        project = linear_params(dims.vision_width, dims.text_width, bias=False)
        return norm_params(dims.vision_width, "rms") + project

    def num_flops(self, dims: Dims) -> int:
        rows = dims.num_inputs * self.tokens_per_view(dims)
        return linear_flops(rows, dims.vision_width, dims.text_width)
