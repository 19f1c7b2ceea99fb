"""Q-Former: a BERT whose learned queries attend to the visual tokens in every second layer.

Source: BLIP-2, arXiv:2301.12597, section 3.1 and figure 2; InstructBLIP, arXiv:2305.06500,
figure 3; salesforce/LAVIS lavis/models/blip2_models/Qformer.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveFloat, PositiveInt
from vlcalc.core.division import divide
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import linear_flops, linear_params, mlp_flops, mlp_params, norm_params
from vlcalc.fusion.attention import plain_attention
from vlcalc.fusion.base import FUSIONS, Dims, Fusion
from vlcalc.fusion.examples import text_ids
from vlcalc.fusion.resampler import ProjectableResampler

if TYPE_CHECKING:
    from torch import Tensor, nn


class QueryTransformer(ProjectableResampler):
    """What the Q-Former and its simplified form share: BERT-base with learned queries.

    Attributes:
        width: width inside.
        num_queries: learned queries, which are image tokens when they come out.
        hidden_width: hidden width of the feed-forwards.
    """

    token_effect: ClassVar[str] = "resampled to the queries"

    width: PositiveInt = 768
    num_heads: PositiveInt = 12
    num_queries: PositiveInt = 32
    hidden_width: PositiveInt = 3072
    keep_prefix: bool = True  # all released ones read the class token

    def check(self, dims: Dims) -> None:
        divide(self.width, self.num_heads, whole_name="width", part_name="num_heads")

    def num_vectors(self, dims: Dims) -> int:
        return dims.num_views * self.num_queries

    def inner_width(self, dims: Dims) -> int:
        return self.width


@FUSIONS.register("q_former")
class QFormer(QueryTransformer):
    """BLIP-2's stage 2 by default; with the text branch that of stage 1 and InstructBLIP's.

    With the text branch, the `num_text_tokens` of the dims are instruction tokens that attend
    together with the queries, once for every view.

    Attributes:
        cross_attention_every: distance from a layer with cross-attention to the next; the first
            layer has it.
        text_branch: whether word embeddings and a feed-forward for text are kept.
        vocab_size: rows of those word embeddings.
        max_positions: text tokens that have a position.
        eps: what the norms add to the variance.
    """

    module: ClassVar[str] = "q_former.QFormerModule"

    kind: Literal["q_former"]
    depth: Depth = 12
    cross_attention_every: PositiveInt = 2
    text_branch: bool = False
    vocab_size: PositiveInt = 30_522
    max_positions: PositiveInt = 512
    eps: PositiveFloat = 1e-12

    @property
    def num_cross_attentions(self) -> int:
        """Number of layers with cross-attention: those at 0, every, 2 * every, ..."""
        return -(-self.depth // self.cross_attention_every)

    def check(self, dims: Dims) -> None:
        super().check(dims)
        if self._num_instruction_tokens(dims) > self.max_positions:
            raise InputError(
                expected=f"at most `max_positions` ({self.max_positions}) instruction tokens",
                got=str(dims.num_text_tokens),
            )

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
        keys = self.num_keys(dims)
        self_attention = plain_attention(width).num_flops(batch, positions, positions)
        feed_forward = mlp_flops(batch * positions, [width, self.hidden_width, width])
        cross_attention = plain_attention(width, key_width=dims.vision_width)
        return (
            self.depth * (self_attention + feed_forward)
            + self.num_cross_attentions * cross_attention.num_flops(batch, queries, keys)
            + self.project * linear_flops(batch * queries, width, dims.text_width)
        )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        features = super().example_inputs(dims, device)
        if not self._num_instruction_tokens(dims):
            return features
        return *features, text_ids(dims._replace(batch_size=dims.num_inputs), device)

    def make_module(self, dims: Dims) -> nn.Module:
        return Fusion.make_module(self, dims)  # it has a projection of its own

    def module_arguments(self, dims: Dims) -> dict[str, object]:
        return {"text_width": dims.text_width if self.project else None}
