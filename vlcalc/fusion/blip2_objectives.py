"""BLIP-2's first stage: the three objectives that train its Q-Former, and what a batch costs.

Source: BLIP-2, arXiv:2301.12597, section 3.1 and figure 2; salesforce/LAVIS
lavis/models/blip2_models/blip2_qformer.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveFloat, PositiveInt
from vlcalc.core.division import divide
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import (
    attention_flops,
    encoder_layer_flops,
    encoder_layer_params,
    linear_flops,
    linear_params,
    mlp_flops,
    mlp_params,
    norm_params,
)
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import joined_views, text_ids

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("blip2_objectives")
class Blip2Objectives(Fusion):
    """Q-Former with text branch, and the heads of contrast (ITC), matching (ITM), captions (ITG).

    A batch is `batch_size` pairs of an image and its caption of `num_text_tokens`; prefix tokens
    of the encoder are attended to as well. The losses come out: nothing enters the sequence of a
    language model (in the second stage the queries do, `num_queries` of them). `text_width` and
    `vocab_size` of the dims are not read: the text is BERT's.

    Attributes:
        width: width of the Q-Former.
        depth: its layers.
        num_heads: its attention heads.
        num_queries: its learned queries.
        hidden_width: hidden width of its feed-forwards.
        cross_attention_every: distance from a layer in which the queries attend to the image to
            the next; the first layer is one.
        vocab_size: words of the text branch; BERT's and one start-of-caption token.
        max_positions: longest text.
        contrastive_width: width at which image and text are compared.
        temperature: of the similarities, before training.
    """

    module: ClassVar[str] = "blip2_objectives.Blip2ObjectivesModule"
    taxonomy: ClassVar[Taxonomy] = "mid"
    token_effect: ClassVar[str] = "resampled by queries, for training only"
    spatial_detail: ClassVar[str] = "mixed by the queries"

    kind: Literal["blip2_objectives"]
    width: PositiveInt = 768
    depth: Depth = 12
    num_heads: PositiveInt = 12
    num_queries: PositiveInt = 32
    hidden_width: PositiveInt = 3072
    cross_attention_every: PositiveInt = 2
    vocab_size: PositiveInt = 30_523
    max_positions: PositiveInt = 512
    contrastive_width: PositiveInt = 256
    temperature: PositiveFloat = 0.07

    def check(self, dims: Dims) -> None:
        divide(self.width, self.num_heads, whole_name="width", part_name="num_heads")
        if dims.batch_size < 2:
            raise InputError(
                expected="`batch_size` of at least 2, as the wrong pairs come from the batch",
                got=str(dims.batch_size),
            )
        if not 2 <= dims.num_text_tokens <= self.max_positions:
            raise InputError(
                expected=f"2 to {self.max_positions} (`max_positions`) text tokens to learn from",
                got=str(dims.num_text_tokens),
            )

    def num_image_tokens(self, dims: Dims) -> int:
        return 0

    def num_similarities(self, dims: Dims) -> int:
        """Return the image-text similarities of a batch of N pairs: N x N (ITC)."""
        return dims.batch_size**2

    def num_negatives(self, dims: Dims) -> int:
        """Return the wrong pairs among them: N^2 - N."""
        return dims.batch_size**2 - dims.batch_size

    def num_matching_pairs(self, dims: Dims) -> int:
        """Return the pairs that matching (ITM) judges: N right, a hard negative each way, 3 N."""
        return 3 * dims.batch_size

    def num_params(self, dims: Dims) -> int:
        width = self.width
        tokens = self.num_queries + self.vocab_size + self.max_positions
        contrast = 2 * linear_params(width, self.contrastive_width) + 1  # and the temperature
        caption = linear_params(width, width) + norm_params(width) + self.vocab_size
        heads = contrast + linear_params(width, 2) + caption
        return tokens * width + norm_params(width) + self._layer_params(dims) + heads

    def _layer_params(self, dims: Dims) -> int:
        width, norm = self.width, norm_params(self.width)
        layer = encoder_layer_params(width, self.hidden_width)
        text_branch = mlp_params([width, self.hidden_width, width]) + norm
        across = 2 * (linear_params(width, width) + linear_params(dims.vision_width, width)) + norm
        return self.depth * (layer + text_branch) + self._num_cross_layers * across

    @property
    def _num_cross_layers(self) -> int:
        return math.ceil(self.depth / self.cross_attention_every)

    def num_flops(self, dims: Dims) -> int:
        return self.contrast_flops(dims) + self.matching_flops(dims) + self.caption_flops(dims)

    def contrast_flops(self, dims: Dims) -> int:
        """Return the FLOPs of ITC: image and text on their own, all similarities of all queries."""
        batch, queries, text = dims.batch_size, self.num_queries, dims.num_text_tokens
        towers = self._image_flops(dims, batch, queries, 0) + self._self_flops(batch, text)
        vectors = batch * (queries + 1)  # of a text, the first position
        projections = linear_flops(vectors, self.width, self.contrastive_width)
        similarities = 2 * queries * self.num_similarities(dims) * self.contrastive_width
        return towers + projections + similarities

    def matching_flops(self, dims: Dims) -> int:
        """Return the FLOPs of ITM: right and wrong pairs through both branches, a binary head."""
        pairs = self.num_matching_pairs(dims)
        joint = self._image_flops(dims, pairs, self.num_queries, dims.num_text_tokens)
        return joint + linear_flops(pairs * self.num_queries, self.width, 2)

    def caption_flops(self, dims: Dims) -> int:
        """Return the FLOPs of ITG: the pairs again, and each next word from the vocabulary."""
        joint = self._image_flops(dims, dims.batch_size, self.num_queries, dims.num_text_tokens)
        predicted = dims.batch_size * (dims.num_text_tokens - 1)
        return joint + mlp_flops(predicted, [self.width, self.width, self.vocab_size])

    def _image_flops(self, dims: Dims, batch: int, queries: int, text: int) -> int:
        """Return the FLOPs of a pass with an image: all layers, and their cross-attention."""
        keys = dims.num_views * (dims.num_visual_tokens + dims.num_prefix_tokens)
        across = (
            2 * linear_flops(batch * queries, self.width, self.width)
            + 2 * linear_flops(batch * keys, dims.vision_width, self.width)
            + attention_flops(batch, queries, keys, self.width)
        )
        return self._self_flops(batch, queries + text) + self._num_cross_layers * across

    def _self_flops(self, batch: int, tokens: int) -> int:
        """Return the FLOPs of all layers without cross-attention; the branches cost the same."""
        return self.depth * encoder_layer_flops(batch, tokens, self.width, self.hidden_width)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return joined_views(dims, device, prefix=True), text_ids(dims, device)
