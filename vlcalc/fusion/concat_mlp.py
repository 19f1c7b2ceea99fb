"""Concatenation of both vectors, then an MLP: the classic early-fusion network.

Source: Baltrusaitis et al., arXiv:1705.09406, section 6.1; Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::ConcatMLP.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import JointFusion


@FUSIONS.register("concat_mlp")
class ConcatMlp(JointFusion):
    """Concatenate, then linear layers with an activation between them.

    Attributes:
        hidden_width: width of the hidden layers.
        depth: linear layers.
        activation: what stands between them.
    """

    module: ClassVar[str] = "feature_fusion.ConcatMLP"

    kind: Literal["concat_mlp"]
    hidden_width: PositiveInt = 1600
    depth: Depth = 3
    activation: Literal["gelu", "gelu_tanh", "relu", "silu", "squared_relu", "tanh"] = "relu"

    def num_params(self, dims: Dims) -> int:
        return mlp_params(self._mlp_widths(dims))

    def num_flops(self, dims: Dims) -> int:
        return mlp_flops(dims.batch_size, self._mlp_widths(dims))

    def _mlp_widths(self, dims: Dims) -> list[int]:
        both = dims.vision_width + dims.text_width
        return [both, *[self.hidden_width] * (self.depth - 1), self.fused_width(dims)]
