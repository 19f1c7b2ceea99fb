"""DeepStack: a patch merger for the encoder's last layer and one for each layer tapped before it.

Source: DeepStack, arXiv:2406.04334, section 3; transformers models/qwen3_vl/modeling_qwen3_vl.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.examples import visual_tokens
from vlcalc.fusion.per_view import MergedSquares

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("deepstack_merger")
class DeepStackMerger(MergedSquares):
    """Mergers of which only the first gives image tokens.

    What the others give is added to the hidden states of the language model's first layers at the
    same positions, so it costs no positions, and no layer is added to the language model.

    Attributes:
        num_levels: tapped layers of the encoder.
    """

    module: ClassVar[str] = "patch_merger.DeepStackMergerModule"
    token_effect: ClassVar[str] = "joined in squares; tapped layers are added at the same positions"
    spatial_detail: ClassVar[str] = "coarser grid, at several depths of the encoder"

    kind: Literal["deepstack_merger"]
    num_levels: PositiveInt = 3

    @property
    def num_tapped_layers(self) -> int:
        return self.num_levels

    def check(self, dims: Dims) -> None:
        super().check(dims)
        if self.num_levels > dims.text_depth:
            raise InputError(
                expected=f"`num_levels` of at most `text_depth` ({dims.text_depth}), "
                "as each is added to one layer",
                got=str(self.num_levels),
            )

    def num_params(self, dims: Dims) -> int:
        widths = self._widths(dims)
        norms = norm_params(dims.vision_width) + self.num_levels * norm_params(widths[0])
        return norms + (1 + self.num_levels) * mlp_params(widths)

    def num_flops(self, dims: Dims) -> int:
        rows = dims.num_inputs * self.tokens_per_view(dims)
        return (1 + self.num_levels) * mlp_flops(rows, self._widths(dims))

    def _widths(self, dims: Dims) -> list[int]:
        return [*[self.merged_width(dims)] * 2, dims.text_width]

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return tuple(visual_tokens(dims, device) for _ in range(1 + self.num_levels))
