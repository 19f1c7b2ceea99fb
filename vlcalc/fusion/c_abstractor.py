"""C-Abstractor: residual convolutions around a pooling to any square number of tokens.

Source: Honeybee, arXiv:2312.06742, section 3.2; khanrc/honeybee honeybee/projectors.py.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.fusion.arithmetic import conv_flops, conv_params, mlp_flops, mlp_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.grids import check_square, grid_side
from vlcalc.fusion.per_view import PerView


@FUSIONS.register("c_abstractor")
class CAbstractor(PerView):
    """`depth` RegNet blocks, adaptive average pooling, `depth` more, an MLP.

    Attributes:
        num_queries: image tokens of an encoder input, a square.
        hidden_width: channels of the blocks.
        depth: blocks before, and after, the pooling.
        mlp_depth: linear layers that read out the tokens.
    """

    module: ClassVar[str] = "abstractor.CAbstractorModule"
    token_effect: ClassVar[str] = "abstracted to `num_queries`"
    spatial_detail: ClassVar[str] = "coarser grid, locality kept by convolutions"

    kind: Literal["c_abstractor"]
    num_queries: PositiveInt = 144
    hidden_width: PositiveInt = 1024
    depth: Depth = 3
    mlp_depth: Depth = 2

    def check(self, dims: Dims) -> None:
        grid_side(dims)
        check_square(self.num_queries, name="num_queries")

    def tokens_per_view(self, dims: Dims) -> int:
        return self.num_queries

    def num_params(self, dims: Dims) -> int:
        positions = dims.num_visual_tokens * dims.vision_width
        blocks = sum(regnet_block_params(*widths) for widths in self._block_widths(dims))
        return positions + blocks + mlp_params(self._readout_widths(dims))

    def num_flops(self, dims: Dims) -> int:
        widths, inputs = self._block_widths(dims), dims.num_inputs
        before = sum(
            regnet_block_flops(inputs, dims.num_visual_tokens, *pair)
            for pair in widths[: self.depth]
        )
        after = sum(
            regnet_block_flops(inputs, self.num_queries, *pair) for pair in widths[self.depth :]
        )
        readout = mlp_flops(inputs * self.num_queries, self._readout_widths(dims))
        return before + after + readout

    def _block_widths(self, dims: Dims) -> list[tuple[int, int]]:
        return list(pairwise([dims.vision_width, *[self.hidden_width] * (2 * self.depth)]))

    def _readout_widths(self, dims: Dims) -> list[int]:
        return [self.hidden_width, *[dims.text_width] * self.mlp_depth]


def regnet_block_params(width_in: int, width: int) -> int:
    """Return the parameters of a RegNet block of one width: 1x1, depthwise 3x3, squeeze, 1x1.

    Source: RegNet, arXiv:2003.13678, section 4; a LayerNorm follows each convolution.
    """
    reduce = conv_params(width_in, width, 1, bias=False)
    spatial = conv_params(width, width, 3, groups=width, bias=False)
    expand = conv_params(width, width, 1, bias=False)
    squeezed = round(width_in / 4)
    squeeze = conv_params(width, squeezed, 1) + conv_params(squeezed, width, 1)
    shortcut = reduce + norm_params(width) if width_in != width else 0
    return reduce + spatial + expand + 3 * norm_params(width) + squeeze + shortcut


def regnet_block_flops(inputs: int, positions: int, width_in: int, width: int) -> int:
    """Return the FLOPs of a RegNet block on grids of `positions`; the squeeze sees their mean."""
    every = inputs * positions
    reduce = conv_flops(every, width_in, width, 1)
    spatial = conv_flops(every, width, width, 3, groups=width)
    expand = conv_flops(every, width, width, 1)
    squeeze = 2 * conv_flops(inputs, width, round(width_in / 4), 1)
    shortcut = reduce if width_in != width else 0
    return reduce + spatial + expand + squeeze + shortcut
