"""MLP projection: every visual token becomes one image token through several linear layers.

Source: LLaVA-1.5, arXiv:2310.03744, section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from vlcalc.core.bounds import Depth
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation, Norm
from vlcalc.fusion.per_view import PerView

if TYPE_CHECKING:
    from torch import nn


@FUSIONS.register("mlp")
class MLP(PerView):
    """Linear layers with an activation between them.

    Attributes:
        depth: number of linear layers.
        hidden_width: width between the layers; the text width by default.
        input_norm: norm of the visual tokens, if any.
        eps: what that norm adds to the variance.
    """

    token_effect: ClassVar[str] = "kept"
    spatial_detail: ClassVar[str] = "full grid"

    kind: Literal["mlp"]
    depth: Depth = 2
    hidden_width: PositiveInt | None = None
    input_norm: Norm | None = None
    activation: Activation = "gelu"
    bias: bool = True
    eps: PositiveFloat = 1e-5

    def tokens_per_view(self, dims: Dims) -> int:
        return dims.num_visual_tokens

    def num_params(self, dims: Dims) -> int:
        norm = norm_params(dims.vision_width, self.input_norm) if self.input_norm else 0
        return norm + mlp_params(self._widths(dims), bias=self.bias)

    def num_flops(self, dims: Dims) -> int:
        return mlp_flops(dims.num_inputs * dims.num_visual_tokens, self._widths(dims))

    def _widths(self, dims: Dims) -> list[int]:
        hidden = self.hidden_width or dims.text_width
        return [dims.vision_width, *[hidden] * (self.depth - 1), dims.text_width]

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules.projection import MLPProjector

        with torch.device(device):
            return MLPProjector(
                vision_width=dims.vision_width,
                text_width=dims.text_width,
                depth=self.depth,
                hidden_width=self.hidden_width,
                input_norm=self.input_norm,
                activation=self.activation,
                bias=self.bias,
                eps=self.eps,
            )
