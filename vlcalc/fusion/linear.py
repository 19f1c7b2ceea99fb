"""Linear projection: every vector of the encoder becomes one image token.

Source: LLaVA, arXiv:2304.08485, section 4.1; PaliGemma, arXiv:2407.07726, section 3.1; of two
encoders in DeepSeek-OCR, arXiv:2510.18234, section 3.2.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.per_token import JoinedEncoders


@FUSIONS.register("linear")
class Linear(JoinedEncoders):
    """One linear layer from vision width to text width.

    Attributes:
        bias: whether the layer has a bias.
    """

    module: ClassVar[str] = "projection.LinearProjector"

    kind: Literal["linear"]
    bias: bool = True

    def num_params(self, dims: Dims) -> int:
        return linear_params(sum(self.vision_widths(dims)), dims.text_width, bias=self.bias)

    def num_flops(self, dims: Dims) -> int:
        rows = dims.num_inputs * self.num_vectors_in(dims)
        return linear_flops(rows, sum(self.vision_widths(dims)), dims.text_width)

    def module_arguments(self, dims: Dims) -> dict[str, object]:
        return {"vision_width": sum(self.vision_widths(dims))}
