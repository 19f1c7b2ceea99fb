"""A toy LLaVA: linear projector, a few encoder layers as language model, a vocabulary head.

Source: the pipeline of LLaVA, arXiv:2304.08485, figure 1, over the layers of arXiv:1706.03762.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.core.division import divide
from vlcalc.fusion.arithmetic import (
    encoder_layer_flops,
    encoder_layer_params,
    linear_flops,
    linear_params,
)
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.mlp import MLP
from vlcalc.fusion.pipeline import TextPipeline


@FUSIONS.register("toy_llava")
class ToyLlava(TextPipeline):
    """The whole model that introductions show: bidirectional layers with ReLU, no positions.

    Its counts hold the toy's own language model, which stands in place of a real one.

    Attributes:
        depth: layers of the toy's language model.
        num_heads: attention heads.
        hidden_width: hidden width of the feed-forward.
    """

    module: ClassVar[str] = "pipeline.ToyLlavaModule"

    kind: Literal["toy_llava"]
    depth: Depth = 4
    num_heads: PositiveInt = 32
    hidden_width: PositiveInt = 11_008

    @property
    def projector(self) -> MLP:
        return MLP(kind="mlp", depth=1, keep_prefix=self.keep_prefix)

    def check(self, dims: Dims) -> None:
        super().check(dims)
        divide(dims.text_width, self.num_heads, whole_name="text_width", part_name="num_heads")

    def num_params(self, dims: Dims) -> int:
        layers = self.depth * encoder_layer_params(dims.text_width, self.hidden_width)
        return super().num_params(dims) + layers + linear_params(dims.text_width, dims.vocab_size)

    def num_flops(self, dims: Dims) -> int:
        batch, width = dims.batch_size, dims.text_width
        tokens = self.num_image_tokens(dims) + dims.num_text_tokens
        layers = self.depth * encoder_layer_flops(batch, tokens, width, self.hidden_width)
        head = linear_flops(batch * tokens, width, dims.vocab_size)
        return super().num_flops(dims) + layers + head
