"""Simplified Q-Former: queries with cross-attention in every layer and no text branch.

Source: the simplified form in which introductions to BLIP-2 (arXiv:2301.12597) present it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from vlcalc.core.bounds import Depth
from vlcalc.fusion.arithmetic import (
    linear_flops,
    linear_params,
    mlp_flops,
    mlp_params,
    norm_params,
)
from vlcalc.fusion.attention import plain_attention
from vlcalc.fusion.base import FUSIONS, Dims, divide
from vlcalc.fusion.examples import visual_tokens
from vlcalc.fusion.resampler import Resampler, num_keys, projected

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("simplified_q_former")
class SimplifiedQFormer(Resampler):
    """Self-attention, cross-attention without q, k and v biases, feed-forward, in every layer.

    Attributes:
        width: width inside, that of BERT-base by default.
        project: whether a linear layer takes the queries to text width, as image tokens.
        keep_prefix: whether class and register tokens are read too.
        eps: what the norms add to the variance.
    """

    token_effect: ClassVar[str] = "resampled to the queries"

    kind: Literal["simplified_q_former"]
    width: PositiveInt = 768
    depth: Depth = 6
    num_heads: PositiveInt = 12
    num_queries: PositiveInt = 32
    hidden_width: PositiveInt = 3072
    project: bool = True
    keep_prefix: bool = True
    eps: PositiveFloat = 1e-5

    @property
    def enters_sequence(self) -> bool:
        return self.project

    def check(self, dims: Dims) -> None:
        divide(self.width, self.num_heads, whole_name="width", part_name="num_heads")

    def num_vectors(self, dims: Dims) -> int:
        return dims.num_views * self.num_queries

    def output_width(self, dims: Dims) -> int:
        return dims.text_width if self.project else self.width

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
        keys = num_keys(dims, keep_prefix=self.keep_prefix)
        cross_attention = plain_attention(width, key_width=dims.vision_width)
        layer = (
            plain_attention(width).num_flops(batch, queries, queries)
            + cross_attention.num_flops(batch, queries, keys)
            + mlp_flops(batch * queries, [width, self.hidden_width, width])
        )
        projection = linear_flops(batch * queries, width, dims.text_width)
        return self.depth * layer + self.project * projection

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules import qformer

        options = self.model_dump(exclude={"kind", "project", "keep_prefix"})
        with torch.device(device):
            resampler = qformer.SimplifiedQFormer(vision_width=dims.vision_width, **options)
            if not self.project:
                return resampler
            return projected(resampler, self.width, dims.text_width)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return (visual_tokens(dims, device, prefix=self.keep_prefix),)
