"""Single stream: words and image regions in one transformer encoder, from the first layer on.

Source: VisualBERT, arXiv:1908.03557, section 3.2; uclanlp/visualbert; transformers
models/visual_bert/modeling_visual_bert.py::VisualBertModel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from vlcalc.core.bounds import MAX_COUNT, Depth, PositiveInt
from vlcalc.core.division import divide
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import (
    encoder_layer_flops,
    encoder_layer_params,
    linear_flops,
    linear_params,
    norm_params,
)
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import joined_views, text_ids

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("single_stream")
class SingleStream(Fusion):
    """Region features and the whole BERT that reads them with the text, pooler included.

    The encoder is the language model, trained with the regions; its width is `text_width`, its
    vocabulary `vocab_size` of the dims. `columns` x `rows` is the number of regions.

    Attributes:
        depth: encoder layers.
        num_heads: attention heads.
        hidden_width: hidden width of the feed-forward.
        max_positions: rows of each position embedding, that of text and that of regions.
        num_segments: rows of each segment embedding.
    """

    module: ClassVar[str] = "early.SingleStreamEncoder"
    taxonomy: ClassVar[Taxonomy] = "early"
    token_effect: ClassVar[str] = "one a region"
    spatial_detail: ClassVar[str] = "detected regions"

    kind: Literal["single_stream"]
    depth: Depth = 12
    num_heads: PositiveInt = 12
    hidden_width: PositiveInt = 3072
    max_positions: PositiveInt = 512
    num_segments: Annotated[int, Field(ge=2, le=MAX_COUNT)] = 2

    def check(self, dims: Dims) -> None:
        divide(dims.text_width, self.num_heads, whole_name="text_width", part_name="num_heads")
        if dims.num_text_tokens > self.max_positions:
            raise InputError(
                expected=f"at most `max_positions` ({self.max_positions}) text tokens",
                got=str(dims.num_text_tokens),
            )

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * dims.num_visual_tokens

    def num_params(self, dims: Dims) -> int:
        width = dims.text_width
        embeddings = (dims.vocab_size + 2 * (self.max_positions + self.num_segments)) * width
        regions = linear_params(dims.vision_width, width)
        layers = self.depth * encoder_layer_params(width, self.hidden_width)
        return embeddings + norm_params(width) + regions + layers + linear_params(width, width)

    def num_flops(self, dims: Dims) -> int:
        batch, width = dims.batch_size, dims.text_width
        tokens = dims.num_text_tokens + self.num_image_tokens(dims)
        regions = linear_flops(batch * self.num_image_tokens(dims), dims.vision_width, width)
        layers = self.depth * encoder_layer_flops(batch, tokens, width, self.hidden_width)
        return regions + layers + linear_flops(batch, width, width)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return text_ids(dims, device), joined_views(dims, device)
