"""Hybrid MLP: a low- and a high-resolution encoder each give half of every image token.

Source: DeepSeek-VL, arXiv:2403.05525, section 3.1; deepseek-ai/DeepSeek-VL
deepseek_vl/models/projector.py (`low_high_hybrid_split_mlp_gelu`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims, divide
from vlcalc.fusion.examples import visual_tokens
from vlcalc.fusion.per_view import PerView

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("hybrid_mlp")
class HybridMLP(PerView):
    """A linear layer for each of two encoders to half the text width, then one over both halves.

    Attributes:
        high_res_width: width of the second, high-resolution encoder, on the same grid.
    """

    token_effect: ClassVar[str] = "kept; the encoders share a token"
    spatial_detail: ClassVar[str] = "full grid"

    kind: Literal["hybrid_mlp"]
    high_res_width: PositiveInt

    def check(self, dims: Dims) -> None:
        self._half(dims)

    def tokens_per_view(self, dims: Dims) -> int:
        return dims.num_visual_tokens

    def num_params(self, dims: Dims) -> int:
        half, text_width = self._half(dims), dims.text_width
        halves = sum(linear_params(width, half) for width in self._vision_widths(dims))
        return halves + linear_params(text_width, text_width)

    def num_flops(self, dims: Dims) -> int:
        rows = dims.num_inputs * dims.num_visual_tokens
        half, text_width = self._half(dims), dims.text_width
        halves = sum(linear_flops(rows, width, half) for width in self._vision_widths(dims))
        return halves + linear_flops(rows, text_width, text_width)

    def _half(self, dims: Dims) -> int:
        return divide(dims.text_width, 2, whole_name="text_width", part_name="num_encoders")

    def _vision_widths(self, dims: Dims) -> tuple[int, int]:
        return (dims.vision_width, self.high_res_width)

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules.projection import HybridProjector

        with torch.device(device):
            return HybridProjector(
                vision_width=dims.vision_width,
                high_res_width=self.high_res_width,
                text_width=dims.text_width,
            )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        widths = self._vision_widths(dims)
        return tuple(visual_tokens(dims._replace(vision_width=width), device) for width in widths)
