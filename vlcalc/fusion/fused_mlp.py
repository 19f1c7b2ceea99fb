"""Fused MLP: the features of several encoders are joined channel-wise, then projected.

Source: OpenVLA, arXiv:2406.09246, section 3.1; openvla/openvla prismatic/util/nn_utils.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation
from vlcalc.fusion.examples import visual_tokens
from vlcalc.fusion.per_view import PerView

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("fused_mlp")
class FusedMLP(PerView):
    """Three linear layers over the concatenated features of the encoders.

    Attributes:
        extra_vision_widths: widths of the encoders beside the one of the dims, which comes first;
            all give the same grid.
        expansion: width after the first layer, as a multiple of the joined width.
    """

    token_effect: ClassVar[str] = "kept; the encoders share a token"
    spatial_detail: ClassVar[str] = "full grid"

    kind: Literal["fused_mlp"]
    extra_vision_widths: tuple[PositiveInt, ...]
    expansion: PositiveInt = 4
    activation: Activation = "gelu"

    def tokens_per_view(self, dims: Dims) -> int:
        return dims.num_visual_tokens

    def num_params(self, dims: Dims) -> int:
        return mlp_params(self._widths(dims))

    def num_flops(self, dims: Dims) -> int:
        return mlp_flops(dims.num_inputs * dims.num_visual_tokens, self._widths(dims))

    def _widths(self, dims: Dims) -> list[int]:
        joined = dims.vision_width + sum(self.extra_vision_widths)
        return [joined, self.expansion * joined, dims.text_width, dims.text_width]

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules.projection import FusedMLPProjector

        with torch.device(device):
            return FusedMLPProjector(
                vision_widths=(dims.vision_width, *self.extra_vision_widths),
                text_width=dims.text_width,
                expansion=self.expansion,
                activation=self.activation,
            )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        widths = (dims.vision_width, *self.extra_vision_widths)
        return tuple(visual_tokens(dims._replace(vision_width=width), device) for width in widths)
