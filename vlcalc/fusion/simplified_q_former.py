"""Simplified Q-Former: queries with cross-attention in every layer and no text branch.

Source: the simplified form in which introductions to BLIP-2 (arXiv:2301.12597) present it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveFloat
from vlcalc.fusion.arithmetic import linear_flops, linear_params, mlp_flops, mlp_params, norm_params
from vlcalc.fusion.attention import plain_attention
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.q_former import QueryTransformer


@FUSIONS.register("simplified_q_former")
class SimplifiedQFormer(QueryTransformer):
    """Self-attention, cross-attention without q, k and v biases, feed-forward, in every layer.

    Attributes:
        eps: what the norms add to the variance.
    """

    module: ClassVar[str] = "q_former.SimplifiedQFormerModule"

    kind: Literal["simplified_q_former"]
    depth: Depth = 6
    eps: PositiveFloat = 1e-5

    def num_params(self, dims: Dims) -> int:
        width = self.width
        layer = (
            plain_attention(width).num_params
            + plain_attention(width, key_width=dims.vision_width, bias=False).num_params
            + mlp_params([width, self.hidden_width, width])
            + 3 * norm_params(width)
        )
        projection = self.project * linear_params(width, dims.text_width)
        return self.depth * layer + self.num_queries * width + projection

    def num_flops(self, dims: Dims) -> int:
        width, batch, queries = self.width, dims.num_inputs, self.num_queries
        keys = self.num_keys(dims)
        cross_attention = plain_attention(width, key_width=dims.vision_width)
        layer = (
            plain_attention(width).num_flops(batch, queries, queries)
            + cross_attention.num_flops(batch, queries, keys)
            + mlp_flops(batch * queries, [width, self.hidden_width, width])
        )
        projection = linear_flops(batch * queries, width, dims.text_width)
        return self.depth * layer + self.project * projection
