"""Tensor fusion: the outer product of both vectors, a one appended to each, then an MLP.

Source: arXiv:1707.07250, section 4.2; Justin1904/TensorFusionNetworks model.py::TFN.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import JointFusion


@FUSIONS.register("tensor_fusion")
class TensorFusion(JointFusion):
    """Every channel times every other, then an MLP; the products themselves count no FLOPs.

    Attributes:
        hidden_width: width of the MLP's hidden layers.
        depth: linear layers of the MLP.
    """

    module: ClassVar[str] = "outer_product.TensorFusionModule"

    kind: Literal["tensor_fusion"]
    hidden_width: PositiveInt = 128
    depth: Depth = 3

    def num_params(self, dims: Dims) -> int:
        return mlp_params(self._mlp_widths(dims))

    def num_flops(self, dims: Dims) -> int:
        return mlp_flops(dims.batch_size, self._mlp_widths(dims))

    def _mlp_widths(self, dims: Dims) -> list[int]:
        products = (dims.vision_width + 1) * (dims.text_width + 1)
        return [products, *[self.hidden_width] * (self.depth - 1), self.fused_width(dims)]
