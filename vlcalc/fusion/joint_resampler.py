"""Joint resampler: latents attend once to the projected visual tokens and to themselves.

Source: KOSMOS-2, arXiv:2306.14824; transformers
models/kosmos2/modeling_kosmos2.py::Kosmos2ImageToTextProjection.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.core.division import divide
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.attention import plain_attention
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.resampler import Resampler


@FUSIONS.register("joint_resampler")
class JointResampler(Resampler):
    """A projection to text width, then one attention layer without norms and without residual.

    Attributes:
        num_latents: learned latents, which are image tokens when they come out.
        num_heads: attention heads.
    """

    module: ClassVar[str] = "resampler.JointResamplerModule"
    token_effect: ClassVar[str] = "resampled to the latents"

    kind: Literal["joint_resampler"]
    num_latents: PositiveInt = 64
    num_heads: PositiveInt = 32

    def check(self, dims: Dims) -> None:
        divide(dims.text_width, self.num_heads, whole_name="text_width", part_name="num_heads")

    def num_vectors(self, dims: Dims) -> int:
        return dims.num_views * self.num_latents

    def num_params(self, dims: Dims) -> int:
        text = dims.text_width
        projection = linear_params(dims.vision_width, text)
        return projection + self.num_latents * text + plain_attention(text).num_params

    def num_flops(self, dims: Dims) -> int:
        text, batch, latents = dims.text_width, dims.num_inputs, self.num_latents
        visual = self.num_keys(dims)
        attention = plain_attention(text).num_flops(batch, latents, visual + latents)
        return linear_flops(batch * visual, dims.vision_width, text) + attention
