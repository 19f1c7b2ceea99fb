"""Gated merger: a strided convolution joins each square, then a norm and a gated feed-forward.

Source: GLM-4.1V, arXiv:2507.01006, section 2; transformers
models/glm4v/modeling_glm4v.py::Glm4vVisionModel (`downsample`) and Glm4vVisionPatchMerger.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.per_view import MergedSquares


@FUSIONS.register("gated_merger")
class GatedMerger(MergedSquares):
    """Squares are mapped to text width; the rest has no biases and runs at that width.

    Attributes:
        hidden_width: hidden width of the gated feed-forward.
    """

    module: ClassVar[str] = "patch_merger.GatedMergerModule"

    kind: Literal["gated_merger"]
    hidden_width: PositiveInt = 13_696

    def num_params(self, dims: Dims) -> int:
        text = dims.text_width
        downsample = linear_params(self.merged_width(dims), text)
        return downsample + norm_params(text) + self._square_weights(text)

    def num_flops(self, dims: Dims) -> int:
        text, rows = dims.text_width, dims.num_inputs * self.tokens_per_view(dims)
        downsample = linear_flops(rows, self.merged_width(dims), text)
        return downsample + 2 * rows * self._square_weights(text)

    def _square_weights(self, text_width: int) -> int:
        """Return the weights of the projection and of the gated feed-forward."""
        return text_width * (text_width + 3 * self.hidden_width)
