"""A toy LLaVA: linear projector, a few encoder layers as language model, a vocabulary head.

Source: the pipeline of LLaVA, arXiv:2304.08485, figure 1, over the layers of arXiv:1706.03762.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from vlcalc.core.bounds import Depth
from vlcalc.fusion.arithmetic import (
    encoder_layer_flops,
    encoder_layer_params,
    linear_flops,
    linear_params,
)
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy, divide
from vlcalc.fusion.examples import joined_views, text_ids

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("toy_llava")
class ToyLlava(Fusion):
    """The whole model that introductions show: bidirectional layers with ReLU, no positions.

    Its counts hold the toy's own language model, which stands in place of a real one.

    Attributes:
        depth: layers of the toy's language model.
        num_heads: attention heads.
        hidden_width: hidden width of the feed-forward.
    """

    taxonomy: ClassVar[Taxonomy] = "mid"
    token_effect: ClassVar[str] = "kept, before the text"
    spatial_detail: ClassVar[str] = "full grid"

    kind: Literal["toy_llava"]
    depth: Depth = 4
    num_heads: PositiveInt = 32
    hidden_width: PositiveInt = 11_008

    def check(self, dims: Dims) -> None:
        divide(dims.text_width, self.num_heads, whole_name="text_width", part_name="num_heads")

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * dims.num_visual_tokens

    def num_params(self, dims: Dims) -> int:
        width = dims.text_width
        projector = linear_params(dims.vision_width, width)
        layers = self.depth * encoder_layer_params(width, self.hidden_width)
        words = dims.vocab_size * width
        return projector + words + layers + linear_params(width, dims.vocab_size)

    def num_flops(self, dims: Dims) -> int:
        batch, width = dims.batch_size, dims.text_width
        image_tokens = self.num_image_tokens(dims)
        tokens = image_tokens + dims.num_text_tokens
        projector = linear_flops(batch * image_tokens, dims.vision_width, width)
        layers = self.depth * encoder_layer_flops(batch, tokens, width, self.hidden_width)
        return projector + layers + linear_flops(batch * tokens, width, dims.vocab_size)

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules import pipeline

        with torch.device(device):
            return pipeline.ToyLlava(
                vision_width=dims.vision_width,
                text_width=dims.text_width,
                vocab_size=dims.vocab_size,
                depth=self.depth,
                num_heads=self.num_heads,
                hidden_width=self.hidden_width,
            )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return joined_views(dims, device), text_ids(dims, device)
