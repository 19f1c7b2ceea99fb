"""Single-layer resampler: one cross-attention layer from learned queries, with 2-D positions.

Source: Qwen-VL, arXiv:2308.12966, section 2.1; Qwen/Qwen-VL visual.py::Resampler; MiniCPM-V,
arXiv:2408.01800, section 3.1; openbmb/MiniCPM-V-2_6 resampler.py.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from vlcalc.core.bounds import PositiveFloat, PositiveInt
from vlcalc.core.division import divide
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import linear_flops, linear_params, norm_params
from vlcalc.fusion.attention import plain_attention
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.grids import check_square, grid_side
from vlcalc.fusion.resampler import Resampler


@FUSIONS.register("cross_attention_resampler")
class CrossAttentionResampler(Resampler):
    """Projection to text width, norms, attention with fixed 2-D positions.

    Attributes:
        num_queries: learned queries; a square number where they have positions.
        output_projection: whether a norm and a matrix follow, as in Qwen-VL's code.
        query_positions: whether the queries stand in a square grid, whose positions are stretched
            for the keys; False where the keys alone have positions, those of any grid.
        position_parameter: whether the fixed positions are counted, as its checkpoint keeps them.
        eps: what the norms add to the variance.
    """

    module: ClassVar[str] = "resampler.CrossAttentionResamplerModule"
    token_effect: ClassVar[str] = "resampled to the queries"
    spatial_detail: ClassVar[str] = "coarse, by 2-D positions"

    kind: Literal["cross_attention_resampler"]
    num_queries: PositiveInt = 256
    num_heads: PositiveInt = 32
    output_projection: bool = True
    query_positions: bool = True
    position_parameter: bool = False
    eps: PositiveFloat = 1e-6

    @model_validator(mode="after")
    def _check_positions(self) -> CrossAttentionResampler:
        if self.position_parameter and not self.query_positions:
            message = "expected `query_positions` beside `position_parameter`"
            raise PydanticCustomError("position_parameter", message)
        if self.keep_prefix:
            message = "expected no `keep_prefix`, as the keys have the positions of a grid"
            raise PydanticCustomError("keep_prefix", message)
        return self

    def check(self, dims: Dims) -> None:
        divide(dims.text_width, self.num_heads, whole_name="text_width", part_name="num_heads")
        if dims.text_width % 4:
            raise InputError(
                expected="`text_width` that is a multiple of 4, for its 2-D positions",
                got=str(dims.text_width),
            )
        if self.query_positions:
            check_square(self.num_queries, name="num_queries")
            grid_side(dims)

    def num_vectors(self, dims: Dims) -> int:
        return dims.num_views * self.num_queries

    def num_params(self, dims: Dims) -> int:
        text = dims.text_width
        tables = 1 + self.position_parameter
        output = norm_params(text) + linear_params(text, text, bias=False)
        return (
            linear_params(dims.vision_width, text, bias=False)
            + 2 * norm_params(text)
            + plain_attention(text).num_params
            + tables * self.num_queries * text
            + self.output_projection * output
        )

    def num_flops(self, dims: Dims) -> int:
        text, batch, queries = dims.text_width, dims.num_inputs, self.num_queries
        visual = dims.num_visual_tokens
        return (
            linear_flops(batch * visual, dims.vision_width, text)
            + plain_attention(text).num_flops(batch, queries, visual)
            + self.output_projection * linear_flops(batch * queries, text, text)
        )
