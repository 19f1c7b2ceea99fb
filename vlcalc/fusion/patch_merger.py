"""Patch merger: a square of neighbouring patches becomes one token inside an MLP.

Source: Qwen2-VL, arXiv:2409.12191, section 2.1; Qwen2.5-VL, arXiv:2502.13923, section 2.1.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveFloat
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Norm
from vlcalc.fusion.per_view import MergedSquares


@FUSIONS.register("patch_merger")
class PatchMerger(MergedSquares):
    """A norm, `merge_size` x `merge_size` patches joined channel-wise, two linear layers.

    Attributes:
        norm: LayerNorm (Qwen2-VL, Qwen3-VL) or RMSNorm (Qwen2.5-VL).
        norm_after_merge: whether the norm is over the joined channels.
        eps: what the norm adds to the variance.
    """

    module: ClassVar[str] = "patch_merger.PatchMergerModule"

    kind: Literal["patch_merger"]
    norm: Norm = "layer"
    norm_after_merge: bool = False
    eps: PositiveFloat = 1e-6

    def num_params(self, dims: Dims) -> int:
        widths = self._widths(dims)
        norm_width = widths[0] if self.norm_after_merge else dims.vision_width
        return norm_params(norm_width, self.norm) + mlp_params(widths)

    def num_flops(self, dims: Dims) -> int:
        return mlp_flops(dims.num_inputs * self.tokens_per_view(dims), self._widths(dims))

    def _widths(self, dims: Dims) -> list[int]:
        return [*[self.merged_width(dims)] * 2, dims.text_width]
