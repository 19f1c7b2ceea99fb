"""Q-Former: a BERT whose learned queries attend to the visual tokens in every second layer.

Source: BLIP-2, arXiv:2301.12597, section 3.1 and figure 2; InstructBLIP, arXiv:2305.06500,
figure 3; salesforce/LAVIS lavis/models/blip2_models/Qformer.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from vlcalc.core.bounds import Depth
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import (
    linear_flops,
    linear_params,
    mlp_flops,
    mlp_params,
    norm_params,
)
from vlcalc.fusion.attention import plain_attention
from vlcalc.fusion.base import FUSIONS, Dims, divide
from vlcalc.fusion.examples import text_ids, visual_tokens
from vlcalc.fusion.resampler import Resampler, num_keys

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("q_former")
class QFormer(Resampler):
    """BLIP-2's stage 2 by default; with the text branch that of stage 1 and InstructBLIP's.

    With the text branch, the `num_text_tokens` of the dims are instruction tokens that attend
    together with the queries, once for every view.

    Attributes:
        width: width inside, that of BERT-base by default.
        cross_attention_every: cross-attention stands in every so many-th layer, from the first.
        text_branch: whether word embeddings and a feed-forward for text are kept.
        vocab_size: rows of those word embeddings.
        max_positions: text tokens that have a position.
        project: whether a linear layer takes the queries to text width, as image tokens.
        keep_prefix: whether class and register tokens are read too, as all released ones do.
        eps: what the norms add to the variance.
    """

    token_effect: ClassVar[str] = "resampled to the queries"

    kind: Literal["q_former"]
    width: PositiveInt = 768
    depth: Depth = 12
    num_heads: PositiveInt = 12
    num_queries: PositiveInt = 32
    hidden_width: PositiveInt = 3072
    cross_attention_every: PositiveInt = 2
    text_branch: bool = False
    vocab_size: PositiveInt = 30_522
    max_positions: PositiveInt = 512
    project: bool = True
    keep_prefix: bool = True
    eps: PositiveFloat = 1e-12

    @property
    def enters_sequence(self) -> bool:
        return self.project

    @property
    def num_cross_attentions(self) -> int:
        """Layers with cross-attention: 0, every, 2 * every, ..."""
        return -(-self.depth // self.cross_attention_every)

    def check(self, dims: Dims) -> None:
        divide(self.width, self.num_heads, whole_name="width", part_name="num_heads")
        if self._num_instruction_tokens(dims) > self.max_positions:
            raise InputError(
                expected=f"at most `max_positions` ({self.max_positions}) instruction tokens",
                got=str(dims.num_text_tokens),
            )

    def num_vectors(self, dims: Dims) -> int:
        return dims.num_views * self.num_queries

    def output_width(self, dims: Dims) -> int:
        return dims.text_width if self.project else self.width

    def _num_instruction_tokens(self, dims: Dims) -> int:
        return dims.num_text_tokens if self.text_branch else 0

    def num_params(self, dims: Dims) -> int:
        width, norm = self.width, norm_params(self.width)
        branches = 1 + self.text_branch
        feed_forward = mlp_params([width, self.hidden_width, width]) + norm
        self_attention = plain_attention(width).num_params + norm
        cross_attention = plain_attention(width, key_width=dims.vision_width).num_params + norm
        return (
            self.depth * (self_attention + branches * feed_forward)
            + self.num_cross_attentions * cross_attention
            + self.num_queries * width
            + norm
            + self.text_branch * (self.vocab_size + self.max_positions) * width
            + self.project * linear_params(width, dims.text_width)
        )

    def num_flops(self, dims: Dims) -> int:
        width, batch, queries = self.width, dims.num_inputs, self.num_queries
        positions = queries + self._num_instruction_tokens(dims)
        keys = num_keys(dims, keep_prefix=self.keep_prefix)
        self_attention = plain_attention(width).num_flops(batch, positions, positions)
        feed_forward = mlp_flops(batch * positions, [width, self.hidden_width, width])
        cross_attention = plain_attention(width, key_width=dims.vision_width)
        return (
            self.depth * (self_attention + feed_forward)
            + self.num_cross_attentions * cross_attention.num_flops(batch, queries, keys)
            + self.project * linear_flops(batch * queries, width, dims.text_width)
        )

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules import qformer

        with torch.device(device):
            return qformer.QFormer(
                vision_width=dims.vision_width,
                text_width=dims.text_width if self.project else None,
                **self.model_dump(exclude={"kind", "project", "keep_prefix"}),
            )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        features = visual_tokens(dims, device, prefix=self.keep_prefix)
        if not self._num_instruction_tokens(dims):
            return (features,)
        return features, text_ids(dims._replace(batch_size=dims.num_inputs), device)
