"""The blocks of prefill and decode of a text encoder.

One that only encodes (CLIP, SigLIP, BERT) has no answer: prefill is the whole of it. One that
predicts the next token (BLIP) decodes on a cache, beside layers that attend to the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlcalc.backbones.language import Linear
from vlcalc.backbones.text_encoder import TextEncoder
from vlcalc.inference.blocks.block import Block, Built
from vlcalc.inference.blocks.inserted import context_values, inserted_blocks
from vlcalc.inference.blocks.language import LanguageBlocks
from vlcalc.inference.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

    from vlcalc.modules.text_encoder import TextEncoderModel


class TextBlocks(LanguageBlocks):
    """Every position through every layer; then, where tokens are predicted, one at a time."""

    def __init__(self, shape: TextEncoder, plan: Plan) -> None:
        super().__init__(plan)
        self.shape = shape

    def prompt(self) -> tuple[Block, ...]:
        """Return what the prompt runs; one that only encodes predicts every token, if any."""
        length, logits = self.length, self.plan.load.logits
        self.shape.check_length(self.plan.load.text_tokens + self.plan.num_decoded)
        if not length:
            return ()
        rows = {"last": 1, "all": length, "none": 0}[logits] if self.shape.generates else length
        layers = TextLayerBlock(
            path="language.layers",
            num_repeats=self.shape.depth,
            held_values=context_values(self.plan),
            shape=self.shape,
            batch_size=self.batch_size,
            length=length,
        )
        inserted = inserted_blocks(self.plan)
        return self._stem(length), layers, *inserted, *self._head(length, rows)

    def token(self, context: int) -> tuple[Block, ...]:
        layers = CachedTextLayerBlock(
            path="language.layers",
            num_repeats=self.shape.depth,
            shape=self.shape,
            batch_size=self.batch_size,
            length=1,
            context=context,
        )
        return self._stem(1), layers, *inserted_blocks(self.plan, cached=True), *self._head(1, 1)

    def stretches(self) -> Iterator[range]:
        """Yield all contexts: none is behind a window."""
        if num_decoded := self.plan.num_decoded:
            yield range(self.length + 1, self.length + num_decoded + 1)

    def _stem(self, length: int) -> Block:
        return TextStemBlock(
            path="language.embedding", shape=self.shape, batch_size=self.batch_size, length=length
        )

    def _head(self, length: int, rows: int) -> Iterator[Block]:
        """Yield what is behind the last layer, with logits of so many positions of each text."""
        num_logits = rows * self.shape.prediction_head
        if num_logits or self.shape.pooler or self.shape.norm_placement == "pre":
            yield TextHeadBlock(
                path="language.head",
                shape=self.shape,
                batch_size=self.batch_size,
                length=length,
                num_logits=num_logits,
            )


@dataclass(frozen=True, kw_only=True)
class TextBlock(Block):
    """A piece of a text encoder on so many positions of each text."""

    shape: TextEncoder
    batch_size: int
    length: int

    def states(self, device: str) -> Tensor:
        """Return vectors (b, s, t)."""
        import torch

        return torch.randn(self.batch_size, self.length, self.shape.width, device=device)

    def bare_model(self, device: str) -> TextEncoderModel:
        """Return the model without its layers."""
        return self.shape.model_copy(update={"depth": 0}).build(device)


@dataclass(frozen=True, kw_only=True)
class TextStemBlock(TextBlock):
    """Token ids to what the first layer is given."""

    def build(self, device: str) -> Built:
        import torch

        from vlcalc.modules.text_encoder import TextStem

        ids = torch.zeros(self.batch_size, self.length, dtype=torch.long, device=device)
        return TextStem(self.bare_model(device)), (ids,)


@dataclass(frozen=True, kw_only=True)
class TextLayerBlock(TextBlock):
    """One layer of a prompt; a causal one with norms after its sums is given a mask."""

    @property
    def flops(self) -> int:
        return self.shape.layer_flops(self.length, self.batch_size)

    @property
    def linears(self) -> tuple[Linear, ...]:
        return self.shape.layer_linears()

    def build(self, device: str) -> Built:
        import torch

        layer, states = self.shape.build_layer(device), self.states(device)
        if not (self.shape.causal and self.shape.norm_placement == "post"):
            return layer, (states,)
        mask = torch.ones(self.length, self.length, dtype=torch.bool, device=device).tril()
        return layer, (states, mask)


@dataclass(frozen=True, kw_only=True)
class CachedTextLayerBlock(TextLayerBlock):
    """One layer of one more position, the `context`-th, with all before it cached."""

    context: int

    @property
    def flops(self) -> int:
        return self.shape.layer_flops(1, self.batch_size, keys=self.context)

    @property
    def num_cached_inputs(self) -> int:
        return 2

    def build(self, device: str) -> Built:
        import torch

        from vlcalc.modules.primitives import PostNormLayer
        from vlcalc.modules.text_encoder import CachedPostNormLayer

        layer, num_heads = self.shape.build_layer(device), self.shape.num_heads
        heads = (self.batch_size, num_heads, self.context, self.shape.width // num_heads)
        cache = (torch.randn(heads, device=device), torch.randn(heads, device=device))
        if isinstance(layer, PostNormLayer):
            layer = CachedPostNormLayer(layer)
        return layer, (self.states(device), *cache)


@dataclass(frozen=True, kw_only=True)
class TextHeadBlock(TextBlock):
    """The last norm, the pooler, and logits of the last `num_logits` positions of each text."""

    num_logits: int

    @property
    def flops(self) -> int:
        rows = self.batch_size * self.num_logits
        return self.shape.head_flops(rows) + self.shape.pooler_flops(self.batch_size)

    def build(self, device: str) -> Built:
        from vlcalc.modules.text_encoder import TextEnd

        return TextEnd(self.bare_model(device), num_logits=self.num_logits), (self.states(device),)
