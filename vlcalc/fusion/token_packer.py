"""TokenPacker: coarse tokens are refined by the fine tokens of their own region.

Source: TokenPacker, arXiv:2407.02392, section 3.2; CircleRadon/TokenPacker
llava/model/multimodal_projector/builder.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.core.division import divide
from vlcalc.fusion.arithmetic import (
    attention_flops,
    linear_flops,
    linear_params,
    mlp_flops,
    mlp_params,
    norm_params,
)
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.examples import visual_tokens
from vlcalc.fusion.grids import grid_side, num_windows
from vlcalc.fusion.per_view import PerView

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("token_packer")
class TokenPacker(PerView):
    """Bilinearly shrunk tokens attend to the `scale` x `scale` tokens that they stand for.

    Attributes:
        scale: side of the region that becomes one token.
        num_levels: encoder layers whose features are joined into keys and values.
        hidden_width: width of the attention.
    """

    module: ClassVar[str] = "token_packer.TokenPackerModule"
    token_effect: ClassVar[str] = "packed from regions of `scale` x `scale`"
    spatial_detail: ClassVar[str] = "coarser grid, each token refined from its region"

    kind: Literal["token_packer"]
    scale: PositiveInt = 2
    num_levels: PositiveInt = 4
    hidden_width: PositiveInt = 1024
    num_heads: PositiveInt = 8

    def check(self, dims: Dims) -> None:
        grid_side(dims)
        self.tokens_per_view(dims)
        divide(self.hidden_width, self.num_heads, whole_name="hidden_width", part_name="num_heads")

    def tokens_per_view(self, dims: Dims) -> int:
        return num_windows(dims, self.scale, side_name="scale")

    def num_params(self, dims: Dims) -> int:
        width = self.hidden_width
        query = linear_params(dims.vision_width, width, bias=False)
        key_and_value = 2 * mlp_params(self._key_widths(dims))
        attention = 4 * linear_params(width, width)
        readout = mlp_params(self._readout_widths(dims))
        return query + key_and_value + 3 * norm_params(width) + attention + readout

    def num_flops(self, dims: Dims) -> int:
        width = self.hidden_width
        fine = dims.num_inputs * dims.num_visual_tokens
        coarse = dims.num_inputs * self.tokens_per_view(dims)
        query = linear_flops(coarse, dims.vision_width, width)
        key_and_value = 2 * mlp_flops(fine, self._key_widths(dims))
        projections = 2 * linear_flops(coarse, width, width) + 2 * linear_flops(fine, width, width)
        attention = attention_flops(coarse, 1, self.scale**2, width)
        readout = mlp_flops(coarse, self._readout_widths(dims))
        return query + key_and_value + projections + attention + readout

    def _key_widths(self, dims: Dims) -> list[int]:
        return [self.num_levels * dims.vision_width, self.hidden_width, self.hidden_width]

    def _readout_widths(self, dims: Dims) -> list[int]:
        return [self.hidden_width, dims.text_width, dims.text_width]

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        joined = dims._replace(vision_width=self.num_levels * dims.vision_width)
        return (visual_tokens(dims, device), visual_tokens(joined, device))
