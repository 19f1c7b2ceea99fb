"""LDPv2: MobileVLM V2's projector, which pools the tokens and re-encodes their positions.

Source: MobileVLM V2, arXiv:2402.03766, section 3.3.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import conv_flops, conv_params, mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.grids import grid_side
from vlcalc.fusion.per_view import PerView


@FUSIONS.register("ldpv2")
class LDPv2(PerView):
    """Two linear layers, adaptive average pooling, a residual depthwise 3x3 convolution.

    Attributes:
        pooled_side: side of the square grid that the language model sees.
    """

    module: ClassVar[str] = "ldp.LDPv2Projector"
    token_effect: ClassVar[str] = "pooled to a fixed grid"
    spatial_detail: ClassVar[str] = "coarser grid, positions re-encoded by a convolution"

    kind: Literal["ldpv2"]
    pooled_side: PositiveInt = 12

    def check(self, dims: Dims) -> None:
        grid_side(dims)

    def tokens_per_view(self, dims: Dims) -> int:
        return self.pooled_side**2

    def num_params(self, dims: Dims) -> int:
        width = dims.text_width
        return mlp_params(self._widths(dims)) + conv_params(width, width, 3, groups=width)

    def num_flops(self, dims: Dims) -> int:
        inputs, width = dims.num_inputs, dims.text_width
        project = mlp_flops(inputs * dims.num_visual_tokens, self._widths(dims))
        return project + conv_flops(inputs * self.pooled_side**2, width, width, 3, groups=width)

    def _widths(self, dims: Dims) -> list[int]:
        return [dims.vision_width, dims.text_width, dims.text_width]
