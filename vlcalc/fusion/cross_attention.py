"""Cross-attention layers inside the language model: text queries, visual keys and values.

Source: Vaswani et al., arXiv:1706.03762, section 3.2.3 (encoder-decoder attention).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.attention import AttentionShape, inner_width
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.inserted import InsertedLayers


class PlainCrossAttention(InsertedLayers):
    """What cross-attention layers with and without a gate share.

    Attributes:
        head_dim: width of a head; where not given, the heads share the text width.
        bias: whether the q, k and v projections have biases.
        out_bias: whether the output projection has one.
    """

    num_heads: PositiveInt = 32
    head_dim: PositiveInt | None = None
    bias: bool = False
    out_bias: bool = True

    def check(self, dims: Dims) -> None:
        super().check(dims)
        self._attention(dims)

    def _attention(self, dims: Dims) -> AttentionShape:
        width = inner_width(dims.text_width, self.num_heads, self.head_dim, width_name="text_width")
        return AttentionShape(
            width=dims.text_width,
            key_width=self.context_width(dims),
            inner_width=width,
            kv_inner_width=width,
            bias=self.bias,
            out_bias=self.out_bias,
        )

    @property
    def num_cached_heads(self) -> int:
        return self.num_heads

    def layer_flops(self, dims: Dims) -> int:
        return self._attention(dims).num_flops(
            dims.batch_size, self.num_sequence_tokens(dims), self.num_context_tokens(dims)
        )


@FUSIONS.register("cross_attention")
class CrossAttention(PlainCrossAttention):
    """Cross-attention without norm, gate or feed-forward; what it reads is added to the text."""

    layer: ClassVar[str] = "cross_attention.CrossAttentionLayer"

    kind: Literal["cross_attention"]

    @property
    def adds_residual(self) -> bool:
        return True

    def layer_params(self, dims: Dims) -> int:
        return self._attention(dims).num_params
