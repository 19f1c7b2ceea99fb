"""Pixel shuffle: each square of visual tokens becomes one wider token, which is projected.

Source: InternVL 1.5, arXiv:2404.16821, section 3.1; Idefics3, arXiv:2408.12637, section 2.2;
SmolVLM, arXiv:2504.05299, section 2.2; gated in Aya Vision, arXiv:2505.08751, section 2.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation, Norm
from vlcalc.fusion.grids import num_windows
from vlcalc.fusion.per_view import PerView


@FUSIONS.register("pixel_shuffle")
class PixelShuffle(PerView):
    """A norm and an MLP over `factor` x `factor` neighbours joined channel-wise.

    Attributes:
        factor: side of the square of tokens that becomes one.
        depth: number of linear layers.
        hidden_width: width between the layers; the text width by default.
        gated: whether each hidden layer has twice the width, and one half gates the other.
        input_norm: norm of the joined tokens; None in Idefics3 and SmolVLM.
    """

    module: ClassVar[str] = "pixel_shuffle.PixelShuffleProjector"
    token_effect: ClassVar[str] = "joined in squares of `factor` x `factor`"
    spatial_detail: ClassVar[str] = "coarser grid; the square is kept in the channels"

    kind: Literal["pixel_shuffle"]
    factor: PositiveInt = 2
    depth: Depth = 2
    hidden_width: PositiveInt | None = None
    gated: bool = False
    input_norm: Norm | None = "layer"
    activation: Activation = "gelu"
    bias: bool = True

    def tokens_per_view(self, dims: Dims) -> int:
        return num_windows(dims, self.factor, side_name="factor")

    def num_params(self, dims: Dims) -> int:
        widths = self._widths(dims)
        norm = norm_params(widths[0], self.input_norm) if self.input_norm else 0
        gates = mlp_params(widths[:-1], bias=self.bias) if self.gated else 0
        return norm + mlp_params(widths, bias=self.bias) + gates

    def num_flops(self, dims: Dims) -> int:
        rows, widths = dims.num_inputs * self.tokens_per_view(dims), self._widths(dims)
        return mlp_flops(rows, widths) + self.gated * mlp_flops(rows, widths[:-1])

    def _widths(self, dims: Dims) -> list[int]:
        hidden = [self.hidden_width or dims.text_width] * (self.depth - 1)
        return [self.factor**2 * dims.vision_width, *hidden, dims.text_width]
