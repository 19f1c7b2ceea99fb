"""Tanh-add: a dense layer for each vector, add, tanh, a dense layer.

Source: the additive joint representation of Baltrusaitis et al., arXiv:1705.09406, section 3.1.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import VectorFusion


@FUSIONS.register("tanh_add")
class TanhAdd(VectorFusion):
    """Two dense layers, their sum through tanh, a dense layer.

    Attributes:
        hidden_width: width at which the two are added.
        output_width: width of the fused vector; None for the hidden width.
    """

    module: ClassVar[str] = "feature_fusion.TanhAddModule"

    kind: Literal["tanh_add"]
    hidden_width: PositiveInt = 512
    output_width: PositiveInt | None = None

    def num_params(self, dims: Dims) -> int:
        hidden = self.hidden_width
        joint = linear_params(dims.vision_width, hidden) + linear_params(dims.text_width, hidden)
        return joint + linear_params(hidden, self.output_width or hidden)

    def num_flops(self, dims: Dims) -> int:
        widths = (dims.vision_width, dims.text_width, self.output_width or self.hidden_width)
        return sum(linear_flops(dims.batch_size, width, self.hidden_width) for width in widths)
