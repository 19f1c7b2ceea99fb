"""Attention pooling: each square of visual tokens is read by its own mean, then projected.

Source: Molmo, arXiv:2409.17146, section 2; allenai/molmo olmo/image_vit.py
(MultiHeadDotProductAttention with the mean as query) and olmo/model.py; Molmo2, arXiv:2601.10611,
transformers models/molmo2/modeling_molmo2.py::Molmo2Adapter.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import attention_flops, linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.grids import num_windows
from vlcalc.fusion.per_view import PerView


@FUSIONS.register("attention_pooling")
class AttentionPooling(PerView):
    """Attention from the mean of a square to its tokens, then a gated feed-forward to text width.

    Attributes:
        pool_size: side of the square of visual tokens that becomes one.
        num_heads: attention heads.
        head_dim: width of a head; all heads together are the width that is pooled to.
        hidden_width: hidden width of the feed-forward, which has no biases.
    """

    module: ClassVar[str] = "pooling.AttentionPoolingModule"
    token_effect: ClassVar[str] = "pooled in squares of `pool_size` x `pool_size`"
    spatial_detail: ClassVar[str] = "coarser grid; the square is attended to by its mean"

    kind: Literal["attention_pooling"]
    pool_size: PositiveInt = 2
    num_heads: PositiveInt = 16
    head_dim: PositiveInt = 64
    hidden_width: PositiveInt = 18_944

    def tokens_per_view(self, dims: Dims) -> int:
        return num_windows(dims, self.pool_size, side_name="pool_size")

    def num_params(self, dims: Dims) -> int:
        pooled = self._pooled_width
        queries_keys_values = 3 * linear_params(dims.vision_width, pooled)
        return queries_keys_values + linear_params(pooled, pooled) + self._projector_weights(dims)

    def num_flops(self, dims: Dims) -> int:
        windows, members = dims.num_inputs * self.tokens_per_view(dims), self.pool_size**2
        pooled = self._pooled_width
        return (
            linear_flops(windows * (1 + 2 * members), dims.vision_width, pooled)
            + attention_flops(windows, 1, members, pooled)
            + linear_flops(windows, pooled, pooled)
            + 2 * windows * self._projector_weights(dims)
        )

    @property
    def _pooled_width(self) -> int:
        return self.num_heads * self.head_dim

    def _projector_weights(self, dims: Dims) -> int:
        return self.hidden_width * (2 * self._pooled_width + dims.text_width)
