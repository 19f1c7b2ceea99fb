"""Gated cross-attention layers: text plus tanh(alpha) times what it reads; alpha starts at zero.

Source: Flamingo, arXiv:2204.14198, section 2.2, without its gated feed-forward.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.fusion.arithmetic import norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.cross_attention import PlainCrossAttention


@FUSIONS.register("gated_cross_attention")
class GatedCrossAttention(PlainCrossAttention):
    """A LayerNorm, cross-attention and one gate a layer; no feed-forward."""

    layer: ClassVar[str] = "cross_attention.GatedCrossAttentionLayer"

    kind: Literal["gated_cross_attention"]

    def layer_params(self, dims: Dims) -> int:
        gate = 1
        return self._attention(dims).num_params + norm_params(dims.text_width) + gate
