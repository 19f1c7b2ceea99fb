"""LDP: MobileVLM's lightweight projector, which quarters the tokens with a strided convolution.

Source: MobileVLM, arXiv:2312.16886, section 3.4; MobileNetV3, arXiv:1905.02244, section 3.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.fusion.arithmetic import conv_flops, conv_params, mlp_flops, mlp_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.grids import grid_side
from vlcalc.fusion.per_view import PerView


@FUSIONS.register("ldp")
class LDP(PerView):
    """Two linear layers, then two MobileNetV3 blocks at text width, the second of stride 2."""

    module: ClassVar[str] = "ldp.LDPProjector"
    token_effect: ClassVar[str] = "a quarter kept, by a stride of 2"
    spatial_detail: ClassVar[str] = "coarser grid, locality kept by convolutions"

    kind: Literal["ldp"]

    def tokens_per_view(self, dims: Dims) -> int:
        return ((grid_side(dims) + 1) // 2) ** 2

    def num_params(self, dims: Dims) -> int:
        return mlp_params(self._widths(dims)) + 2 * mobile_block_params(dims.text_width)

    def num_flops(self, dims: Dims) -> int:
        inputs, tokens = dims.num_inputs, dims.num_visual_tokens
        project = mlp_flops(inputs * tokens, self._widths(dims))
        grids = (tokens, self.tokens_per_view(dims))
        return project + sum(mobile_block_flops(inputs, grid, dims.text_width) for grid in grids)

    def _widths(self, dims: Dims) -> list[int]:
        return [dims.vision_width, dims.text_width, dims.text_width]


def mobile_block_params(width: int) -> int:
    """Return the parameters of a MobileNetV3 block of one width: depthwise 3x3, squeeze, 1x1."""
    spatial = conv_params(width, width, 3, groups=width, bias=False)
    squeezed = squeezed_width(width)
    squeeze = conv_params(width, squeezed, 1) + conv_params(squeezed, width, 1)
    project = conv_params(width, width, 1, bias=False)
    return spatial + squeeze + project + 2 * norm_params(width)


def mobile_block_flops(inputs: int, positions: int, width: int) -> int:
    """Return the FLOPs of a block that gives grids of `positions`; the squeeze sees their mean."""
    spatial = conv_flops(inputs * positions, width, width, 3, groups=width)
    squeeze = 2 * conv_flops(inputs, width, squeezed_width(width), 1)
    return spatial + squeeze + conv_flops(inputs * positions, width, width, 1)


def squeezed_width(width: int) -> int:
    """Return a quarter of the width as the nearest multiple of 8 that loses at most a tenth."""
    nearest = max(8, (width // 4 + 4) // 8 * 8)
    return nearest + 8 if 40 * nearest < 9 * width else nearest
