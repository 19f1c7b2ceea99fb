"""Concatenation head: both vectors side by side, one linear layer decides.

Source: Baltrusaitis et al., arXiv:1705.09406, section 6.1.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims, Taxonomy
from vlcalc.fusion.vector_fusion import VectorFusion


@FUSIONS.register("concat_head")
class ConcatHead(VectorFusion):
    """Concatenate, then a linear layer to the decision.

    Attributes:
        output_width: scores of the decision, e.g. classes.
    """

    module: ClassVar[str] = "late.ConcatHeadModule"
    taxonomy: ClassVar[Taxonomy] = "late"

    kind: Literal["concat_head"]
    output_width: PositiveInt = 1

    def num_params(self, dims: Dims) -> int:
        return linear_params(dims.vision_width + dims.text_width, self.output_width)

    def num_flops(self, dims: Dims) -> int:
        both = dims.vision_width + dims.text_width
        return linear_flops(dims.batch_size, both, self.output_width)
