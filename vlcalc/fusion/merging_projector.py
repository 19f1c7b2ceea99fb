"""Merging projector: a square of patches is merged at vision width, then projected.

Source: Mistral Small 3.1, transformers models/mistral3/modeling_mistral3.py
(`Mistral3MultiModalProjector`).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveFloat
from vlcalc.fusion.arithmetic import linear_flops, linear_params, mlp_flops, mlp_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation
from vlcalc.fusion.per_view import MergedSquares


@FUSIONS.register("merging_projector")
class MergingProjector(MergedSquares):
    """RMSNorm, a matrix from `merge_size` x `merge_size` patches to one, a two-layer MLP.

    Attributes:
        bias: whether the layers of the MLP have a bias; the merging matrix never has.
        eps: what the norm adds to the mean square.
    """

    module: ClassVar[str] = "patch_merger.MergingProjectorModule"
    token_effect: ClassVar[str] = "merged in squares of `merge_size` x `merge_size`"
    spatial_detail: ClassVar[str] = "coarser grid; the square is squeezed into one vision width"

    kind: Literal["merging_projector"]
    activation: Activation = "gelu"
    bias: bool = False
    eps: PositiveFloat = 1e-5

    def num_params(self, dims: Dims) -> int:
        merge = linear_params(self.merged_width(dims), dims.vision_width, bias=False)
        project = mlp_params(self._widths(dims), bias=self.bias)
        return norm_params(dims.vision_width, "rms") + merge + project

    def num_flops(self, dims: Dims) -> int:
        rows = dims.num_inputs * self.tokens_per_view(dims)
        merge = linear_flops(rows, self.merged_width(dims), dims.vision_width)
        return merge + mlp_flops(rows, self._widths(dims))

    def _widths(self, dims: Dims) -> list[int]:
        return [dims.vision_width, dims.text_width, dims.text_width]
