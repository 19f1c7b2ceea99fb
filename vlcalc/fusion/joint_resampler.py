"""Joint resampler: latents attend once to the projected visual tokens and to themselves.

Source: KOSMOS-2, arXiv:2306.14824; transformers
models/kosmos2/modeling_kosmos2.py::Kosmos2ImageToTextProjection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.attention import plain_attention
from vlcalc.fusion.base import FUSIONS, Dims, divide
from vlcalc.fusion.examples import visual_tokens
from vlcalc.fusion.resampler import Resampler, num_keys

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("joint_resampler")
class JointResampler(Resampler):
    """A projection to text width, then one attention layer without norms and without residual.

    Attributes:
        num_latents: learned latents, which are image tokens when they come out.
        num_heads: attention heads.
        keep_prefix: whether class and register tokens are read too.
    """

    token_effect: ClassVar[str] = "resampled to the latents"

    kind: Literal["joint_resampler"]
    num_latents: PositiveInt = 64
    num_heads: PositiveInt = 32
    keep_prefix: bool = False

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
        visual = num_keys(dims, keep_prefix=self.keep_prefix)
        attention = plain_attention(text).num_flops(batch, latents, visual + latents)
        return linear_flops(batch * visual, dims.vision_width, text) + attention

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules import resampler

        with torch.device(device):
            return resampler.JointResampler(
                vision_width=dims.vision_width,
                text_width=dims.text_width,
                num_latents=self.num_latents,
                num_heads=self.num_heads,
            )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return (visual_tokens(dims, device, prefix=self.keep_prefix),)
