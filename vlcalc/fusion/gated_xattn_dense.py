"""GATED XATTN-DENSE: gated cross-attention, then a gated feed-forward; both gates start at zero.

Source: Flamingo, arXiv:2204.14198, section 2.2 and figure 4; mlfoundations/open_flamingo
open_flamingo/src/helpers.py; transformers models/idefics/modeling_idefics.py and
models/mllama/modeling_mllama.py.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveFloat, PositiveInt
from vlcalc.core.division import divide
from vlcalc.fusion.arithmetic import linear_flops, norm_params
from vlcalc.fusion.attention import AttentionShape, feed_forward_matrices, qk_norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation, Norm
from vlcalc.fusion.inserted import InsertedLayers


@FUSIONS.register("gated_xattn_dense")
class GatedXattnDense(InsertedLayers):
    """Two gates and a feed-forward a layer, no biases; the defaults are OpenFlamingo's.

    Flamingo: `activation: squared_relu`. IDEFICS: `norm: rms`, `qk_norm: rms`, `activation: silu`,
    `gated: true`. Llama 3.2 Vision: the same with `num_kv_heads`, `project: true` and
    `silence: feed_forward`.

    Attributes:
        num_kv_heads: key/value heads; as many as query heads where not given.
        hidden_width: hidden width of the feed-forward; four times the text width where not given.
        gated: whether the feed-forward multiplies by an activated branch.
        qk_norm: norm over each head's queries and keys.
        vector_gates: whether a gate has a value for each channel, and not one for all.
        silence: what is dropped for text that sees no image.
        eps: what the norms add to the variance.
    """

    layer: ClassVar[str] = "cross_attention.GatedCrossAttentionBlock"

    kind: Literal["gated_xattn_dense"]
    num_heads: PositiveInt = 8
    head_dim: PositiveInt = 64
    num_kv_heads: PositiveInt | None = None
    hidden_width: PositiveInt | None = None
    activation: Activation = "gelu"
    gated: bool = False
    norm: Norm = "layer"
    qk_norm: Norm | None = None
    vector_gates: bool = False
    silence: Literal["attention", "feed_forward"] = "attention"
    eps: PositiveFloat = 1e-5

    def check(self, dims: Dims) -> None:
        super().check(dims)
        if self.num_kv_heads:
            divide(
                self.num_heads, self.num_kv_heads, whole_name="num_heads", part_name="num_kv_heads"
            )

    def _attention(self, dims: Dims) -> AttentionShape:
        return AttentionShape(
            width=dims.text_width,
            key_width=self.context_width(dims),
            inner_width=self.num_heads * self.head_dim,
            kv_inner_width=(self.num_kv_heads or self.num_heads) * self.head_dim,
        )

    @property
    def num_cached_heads(self) -> int:
        return self.num_kv_heads or self.num_heads

    def _hidden_width(self, dims: Dims) -> int:
        return self.hidden_width or 4 * dims.text_width

    def layer_params(self, dims: Dims) -> int:
        text = dims.text_width
        gates = 2 * (text if self.vector_gates else 1)
        matrices = feed_forward_matrices(gated=self.gated)
        return (
            self._attention(dims).num_params
            + qk_norm_params(self.head_dim, self.qk_norm)
            + matrices * text * self._hidden_width(dims)
            + 2 * norm_params(text, self.norm)
            + gates
        )

    def layer_linears(self, dims: Dims) -> tuple[tuple[int, int], ...]:
        inputs = feed_forward_matrices(gated=self.gated) - 1
        hidden, text = self._hidden_width(dims), dims.text_width
        return (*super().layer_linears(dims), *(((hidden, text),) * inputs), (text, hidden))

    def layer_flops(self, dims: Dims) -> int:
        sequence = self.num_sequence_tokens(dims)
        attention = self._attention(dims).num_flops(
            dims.batch_size, sequence, self.num_context_tokens(dims)
        )
        rows = dims.batch_size * sequence
        matrix = linear_flops(rows, dims.text_width, self._hidden_width(dims))
        return attention + feed_forward_matrices(gated=self.gated) * matrix
