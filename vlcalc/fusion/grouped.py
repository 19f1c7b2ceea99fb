"""Token grouping: consecutive visual tokens are joined channel-wise, N into 1, then projected.

Source: MiniGPT-v2, arXiv:2310.09478, section 2.1; blasphemetheus/edifice
lib/edifice/multimodal/fusion.ex (`compress_ratio`).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.core.division import divide
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation
from vlcalc.fusion.per_token import PerToken


@FUSIONS.register("grouped")
class Grouped(PerToken):
    """An MLP over groups of neighbours in row-major order.

    Attributes:
        compress_ratio: visual tokens that become one image token.
        depth: number of linear layers.
    """

    module: ClassVar[str] = "projection.GroupedProjector"
    token_effect: ClassVar[str] = "joined in runs of `compress_ratio`"
    spatial_detail: ClassVar[str] = "rows kept, columns joined in runs"

    kind: Literal["grouped"]
    compress_ratio: PositiveInt
    depth: Depth = 2
    activation: Activation = "gelu"

    def tokens_per_view(self, dims: Dims) -> int:
        return divide(
            self.num_vectors_in(dims),
            self.compress_ratio,
            whole_name="visual tokens",
            part_name="compress_ratio",
        )

    def num_params(self, dims: Dims) -> int:
        return mlp_params(self._widths(dims))

    def num_flops(self, dims: Dims) -> int:
        return mlp_flops(dims.num_inputs * self.tokens_per_view(dims), self._widths(dims))

    def _widths(self, dims: Dims) -> list[int]:
        return [self.compress_ratio * dims.vision_width, *[dims.text_width] * self.depth]
