"""Matryoshka tokens: one projected grid, averaged down to nested sizes, one of which is used.

Source: M3, arXiv:2405.17430, section 3; mu-cai/matryoshka-mm llava/model/llava_arch.py
(`matryoshka_vis_token_process`, which pools what the projector gives).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.core.division import divide
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation
from vlcalc.fusion.grids import grid_side
from vlcalc.fusion.per_view import PerView


@FUSIONS.register("matryoshka")
class Matryoshka(PerView):
    """An MLP projector, then average pooling to every nested size; pooling has no parameters.

    Attributes:
        pooled_sides: sides of the nested grids, which are trained together.
        used_side: side of the grid that goes into the sequence, one of `pooled_sides`.
        depth: number of linear layers.
    """

    module: ClassVar[str] = "pooling.MatryoshkaProjector"
    outside_module: ClassVar[frozenset[str]] = frozenset({"used_side"})
    token_effect: ClassVar[str] = "averaged down to the nested size that is asked for"
    spatial_detail: ClassVar[str] = "grid of the chosen size, averaged"

    kind: Literal["matryoshka"]
    pooled_sides: tuple[PositiveInt, ...] = (1, 3, 6, 12, 24)
    used_side: PositiveInt = 24
    depth: Depth = 2
    activation: Activation = "gelu"

    def check(self, dims: Dims) -> None:
        if self.used_side not in self.pooled_sides:
            sides = ", ".join(str(side) for side in self.pooled_sides)
            raise InputError(
                expected=f"`used_side` that is one of `pooled_sides` ({sides})",
                got=str(self.used_side),
            )
        for side in self.pooled_sides:
            divide(grid_side(dims), side, whole_name="side", part_name="pooled_sides")

    def tokens_per_view(self, dims: Dims) -> int:
        return self.used_side**2

    def num_params(self, dims: Dims) -> int:
        return mlp_params(self._widths(dims))

    def num_flops(self, dims: Dims) -> int:
        return mlp_flops(dims.num_inputs * dims.num_visual_tokens, self._widths(dims))

    def _widths(self, dims: Dims) -> list[int]:
        return [dims.vision_width, *[dims.text_width] * self.depth]
