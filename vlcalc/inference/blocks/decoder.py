"""The blocks of prefill and decode of a decoder, layers that a fusion method inserts included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vlcalc.backbones.decoder import Decoder
from vlcalc.backbones.language import Linear
from vlcalc.inference.blocks.block import Block, Built
from vlcalc.inference.blocks.inserted import context_values, inserted_blocks
from vlcalc.inference.blocks.language import LanguageBlocks
from vlcalc.inference.plan import Plan


class DecoderBlocks(LanguageBlocks):
    """Every position of the prompt through every layer, then one position at a time."""

    def __init__(self, decoder: Decoder, plan: Plan) -> None:
        super().__init__(plan)
        self.decoder = decoder

    def prompt(self) -> tuple[Block, ...]:
        length, held = self.length, context_values(self.plan)
        rows = {"last": 1, "all": length, "none": 0}[self.plan.load.logits]
        layers = self._layers(length, length, cached=False, held_values=held)
        return (
            self._stem(length, length, held_values=held),
            *layers,
            *inserted_blocks(self.plan),
            self._head(length, rows),
        )

    def token(self, context: int) -> tuple[Block, ...]:
        layers = self._layers(1, context, cached=True, held_values=0)
        inserted = inserted_blocks(self.plan, cached=True)
        return self._stem(1, context, held_values=0), *layers, *inserted, self._head(1, 1)

    def stretches(self) -> Iterator[range]:
        """Yield the contexts on either side of a full window, up to which a cost grows."""
        window = self.decoder.sliding_window
        contexts = range(self.length + 1, self.length + self.plan.num_decoded + 1)
        if window and window in contexts[:-1]:
            growing = contexts.index(window) + 1
            yield contexts[:growing]
            contexts = contexts[growing:]
        if contexts:
            yield contexts

    def _stem(self, queries: int, context: int, *, held_values: int) -> Block:
        return DecoderStemBlock(
            path="language.embedding",
            held_values=held_values,
            decoder=self.decoder,
            batch_size=self.batch_size,
            queries=queries,
            num_positions=context,
        )

    def _layers(
        self, queries: int, context: int, *, cached: bool, held_values: int
    ) -> Iterator[Block]:
        """Yield its own layers: of a prompt, or of one position and its context."""
        for index, num_layers in layer_groups(self.decoder).items():
            yield DecoderLayerBlock(
                path=f"language.layers[{index}]",
                num_repeats=num_layers,
                held_values=held_values,
                decoder=self.decoder,
                batch_size=self.batch_size,
                index=index,
                queries=queries,
                keys=self.decoder.seen(index, context) if cached else context,
                cached=cached,
            )

    def _head(self, queries: int, num_logits: int) -> Block:
        return DecoderHeadBlock(
            path="language.head",
            decoder=self.decoder,
            batch_size=self.batch_size,
            queries=queries,
            num_logits=num_logits,
            num_extra=self.plan.num_extra_logits,
        )


def layer_groups(decoder: Decoder) -> dict[int, int]:
    """Return the number of layers that are like each first one of its kind, by its index."""
    kinds = [
        (decoder.has_experts(index), decoder.has_window(index)) for index in range(decoder.depth)
    ]
    return {kinds.index(kind): kinds.count(kind) for kind in dict.fromkeys(kinds)}


@dataclass(frozen=True, kw_only=True)
class DecoderBlock(Block):
    """A piece of a decoder on `queries` new positions of each sequence."""

    decoder: Decoder
    batch_size: int
    queries: int


@dataclass(frozen=True, kw_only=True)
class DecoderStemBlock(DecoderBlock):
    """Token ids to what the first layer is given, for the last of `num_positions`.

    Which ones they are changes no shape, only the rows of a table.
    """

    num_positions: int = field(compare=False)

    def build(self, device: str) -> Built:
        import torch

        from vlcalc.modules.decoder_blocks import DecoderStem

        ids = torch.zeros(self.batch_size, self.queries, dtype=torch.long, device=device)
        bare = self.decoder.model_copy(update={"depth": 0, "tied_embeddings": True}).build(device)
        return DecoderStem(bare, num_positions=self.num_positions), (ids,)


@dataclass(frozen=True, kw_only=True)
class DecoderLayerBlock(DecoderBlock):
    """One layer.

    Attributes:
        index: which one, counted from 0.
        keys: positions attended to, the new ones included.
        cached: whether those before the new ones lie in the cache, for one new position.
    """

    index: int
    keys: int
    cached: bool

    @property
    def flops(self) -> int:
        return self.decoder.layer_flops(
            self.queries, self.keys, self.batch_size, index=self.index, absorbed=self.cached
        )

    @property
    def num_cached_inputs(self) -> int:
        return len(self._cache_shapes())

    @property
    def linears(self) -> tuple[Linear, ...]:
        return self.decoder.layer_linears(self.index, self.batch_size * self.queries)

    def _cache_shapes(self) -> tuple[tuple[int, ...], ...]:
        return self.decoder.cache_shapes(self.batch_size, self.keys) if self.cached else ()

    def build(self, device: str) -> Built:
        import torch

        layer = self.decoder.build_layer(device, index=self.index)
        x = torch.randn(self.batch_size, self.queries, self.decoder.width, device=device)
        cache = (torch.randn(shape, device=device) for shape in self._cache_shapes())
        return layer, (x, *cache)


@dataclass(frozen=True, kw_only=True)
class DecoderHeadBlock(DecoderBlock):
    """The final norm, and the head of the last `num_logits` positions of each sequence.

    Attributes:
        num_extra: logits of tokens that are no part of the vocabulary.
    """

    num_logits: int
    num_extra: int

    @property
    def flops(self) -> int:
        rows = self.batch_size * self.num_logits
        return self.decoder.head_flops(rows, num_extra=self.num_extra)

    def build(self, device: str) -> Built:
        import torch
        from torch import nn

        from vlcalc.modules.decoder import build_decoder_norm
        from vlcalc.modules.decoder_blocks import DecoderEnd

        decoder = self.decoder
        with torch.device(device):
            norm, head = build_decoder_norm(decoder.norm, decoder.width, eps=1e-6), None
            if self.num_logits:  # a tied head costs the same as one of its own
                outputs = decoder.vocab_size + self.num_extra
                head = nn.Linear(decoder.width, outputs, bias=decoder.head_bias)
            states = torch.randn(self.batch_size, self.queries, decoder.width)
        return DecoderEnd(norm, head, num_logits=self.num_logits), (states,)
