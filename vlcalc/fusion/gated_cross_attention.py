"""Gated cross-attention layers: text plus tanh(alpha) times what it reads; alpha starts at zero.

Source: Flamingo, arXiv:2204.14198, section 2.2, without its gated feed-forward.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vlcalc.fusion.arithmetic import norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.cross_attention import PlainCrossAttention

if TYPE_CHECKING:
    from torch import nn


@FUSIONS.register("gated_cross_attention")
class GatedCrossAttention(PlainCrossAttention):
    """A LayerNorm, cross-attention and one gate a layer; no feed-forward."""

    kind: Literal["gated_cross_attention"]

    def layer_params(self, dims: Dims) -> int:
        gate = 1
        return self._attention(dims).num_params + norm_params(dims.text_width) + gate

    def build_layer(self, dims: Dims) -> nn.Module:
        from vlcalc.modules import cross_attention

        return cross_attention.GatedCrossAttention(
            text_width=dims.text_width,
            vision_width=self.context_width(dims),
            num_heads=self.num_heads,
            head_dim=self.head_dim,
            bias=self.bias,
            out_bias=self.out_bias,
        )
