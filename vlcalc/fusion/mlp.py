"""MLP projection: every vector of the encoder becomes one image token, by several linear layers.

Source: LLaVA-1.5, arXiv:2310.03744, section 3.3.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveFloat, PositiveInt
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation, Norm
from vlcalc.fusion.per_token import JoinedEncoders


@FUSIONS.register("mlp")
class MLP(JoinedEncoders):
    """Linear layers with an activation between them.

    Attributes:
        depth: number of linear layers.
        hidden_width: width between the layers; the text width by default.
        input_norm: norm of the visual tokens, if any.
        eps: what that norm adds to the variance.
    """

    module: ClassVar[str] = "projection.MLPProjector"

    kind: Literal["mlp"]
    depth: Depth = 2
    hidden_width: PositiveInt | None = None
    input_norm: Norm | None = None
    activation: Activation = "gelu"
    bias: bool = True
    eps: PositiveFloat = 1e-5

    def num_params(self, dims: Dims) -> int:
        widths = self._widths(dims)
        norm = norm_params(widths[0], self.input_norm) if self.input_norm else 0
        return norm + mlp_params(widths, bias=self.bias)

    def num_flops(self, dims: Dims) -> int:
        return mlp_flops(dims.num_inputs * self.num_vectors_in(dims), self._widths(dims))

    def _widths(self, dims: Dims) -> list[int]:
        hidden = self.hidden_width or dims.text_width
        joined = sum(self.vision_widths(dims))
        return [joined, *[hidden] * (self.depth - 1), dims.text_width]

    def module_arguments(self, dims: Dims) -> dict[str, object]:
        return {"vision_width": sum(self.vision_widths(dims))}
