"""Fused MLP: the features of several encoders are joined channel-wise, then projected.

Source: OpenVLA, arXiv:2406.09246, section 3.1; openvla/openvla prismatic/util/nn_utils.py.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation
from vlcalc.fusion.per_token import JoinedEncoders


@FUSIONS.register("fused_mlp")
class FusedMLP(JoinedEncoders):
    """Three linear layers over the concatenated features of the encoders.

    Attributes:
        expansion: width after the first layer, as a multiple of the joined width.
    """

    module: ClassVar[str] = "projection.FusedMLPProjector"
    token_effect: ClassVar[str] = "kept; the encoders share a token"

    kind: Literal["fused_mlp"]
    expansion: PositiveInt = 4
    activation: Activation = "gelu"

    def num_params(self, dims: Dims) -> int:
        return mlp_params(self._widths(dims))

    def num_flops(self, dims: Dims) -> int:
        return mlp_flops(dims.num_inputs * self.num_vectors_in(dims), self._widths(dims))

    def _widths(self, dims: Dims) -> list[int]:
        joined = sum(self.vision_widths(dims))
        return [joined, self.expansion * joined, dims.text_width, dims.text_width]

    def module_arguments(self, dims: Dims) -> dict[str, object]:
        return {"vision_widths": self.vision_widths(dims)}
