"""Hybrid MLP: a low- and a high-resolution encoder each give half of every image token.

Source: DeepSeek-VL, arXiv:2403.05525, section 3.1; deepseek-ai/DeepSeek-VL
deepseek_vl/models/projector.py (`low_high_hybrid_split_mlp_gelu`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.core.division import divide
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.per_token import PerToken


@FUSIONS.register("hybrid_mlp")
class HybridMLP(PerToken):
    """A linear layer for each of two encoders to half the text width, then one over both halves.

    Attributes:
        high_res_width: width of the second, high-resolution encoder, on the same grid.
    """

    module: ClassVar[str] = "projection.HybridProjector"
    token_effect: ClassVar[str] = "kept; the encoders share a token"

    kind: Literal["hybrid_mlp"]
    high_res_width: PositiveInt

    def check(self, dims: Dims) -> None:
        self._half(dims)

    def check_encoders(self, widths: Sequence[int]) -> None:
        extra = list(widths[1:])
        if extra != [self.high_res_width]:
            width = self.high_res_width
            raise InputError(
                expected=f"a `second_vision` of the `high_res_width` of `fusion`, {width}",
                got=", ".join(map(str, extra)) or "none",
            )

    def num_params(self, dims: Dims) -> int:
        half, text_width = self._half(dims), dims.text_width
        halves = sum(linear_params(width, half) for width in self.vision_widths(dims))
        return halves + linear_params(text_width, text_width)

    def num_flops(self, dims: Dims) -> int:
        rows = dims.num_inputs * self.num_vectors_in(dims)
        half, text_width = self._half(dims), dims.text_width
        halves = sum(linear_flops(rows, width, half) for width in self.vision_widths(dims))
        return halves + linear_flops(rows, text_width, text_width)

    def _half(self, dims: Dims) -> int:
        return divide(dims.text_width, 2, whole_name="text_width", part_name="num_encoders")

    def vision_widths(self, dims: Dims) -> tuple[int, ...]:
        return (dims.vision_width, self.high_res_width)
