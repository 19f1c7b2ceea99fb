"""The blocks of prefill and decode of an encoder-decoder.

Prefill is the source through the encoder, then the decoder's first position, from which the first
token of the answer comes; the keys and values of the source that it makes are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlcalc.backbones.encoder_decoder import EncoderDecoder
from vlcalc.backbones.language import Linear
from vlcalc.inference.blocks.block import Block, Built
from vlcalc.inference.blocks.language import LanguageBlocks
from vlcalc.inference.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

# Kernels want a row of what is added to scores to start on a multiple of this: cost/attention.py.
BIAS_ALIGNMENT = 8


class EncoderDecoderBlocks(LanguageBlocks):
    """The source through the encoder, then one position of the target at a time."""

    def __init__(self, shape: EncoderDecoder, plan: Plan) -> None:
        super().__init__(plan)
        self.shape = shape

    def prompt(self) -> tuple[Block, ...]:
        source = self.batch_size * self.length * self.shape.width
        biases = self.shape.num_heads * self.length**2
        sizes: dict[str, Any] = {
            "shape": self.shape,
            "batch_size": self.batch_size,
            "length": self.length,
        }
        return (
            StackStemBlock(path="language.encoder.embedding", crossed=False, **sizes),
            SourceLayerBlock(
                path="language.encoder.layers", num_repeats=self.shape.encoder_depth, **sizes
            ),
            SourceNormBlock(path="language.encoder.norm", held_values=biases, **sizes),
            self._stem(1, held_values=source),
            FirstTargetLayerBlock(
                path="language.decoder.layers", num_repeats=self.shape.decoder_depth, **sizes
            ),
            self._head(predicts=self.plan.load.logits != "none", held_values=source),
        )

    def token(self, context: int) -> tuple[Block, ...]:
        """Return what one new position of the target runs; `context` includes its start."""
        layers = TargetLayerBlock(
            path="language.decoder.layers",
            num_repeats=self.shape.decoder_depth,
            shape=self.shape,
            batch_size=self.batch_size,
            length=self.length,
            context=context,
        )
        return self._stem(context), layers, self._head()

    def stretches(self) -> Iterator[range]:
        """Yield each eighth context: biases of those between are copied into rows of eights."""
        for start in range(2, 2 + min(BIAS_ALIGNMENT, self.plan.num_decoded)):
            yield range(start, self.plan.num_decoded + 2, BIAS_ALIGNMENT)

    def _stem(self, context: int, *, held_values: int = 0) -> Block:
        return StackStemBlock(
            path="language.decoder.embedding",
            held_values=held_values,
            shape=self.shape,
            batch_size=self.batch_size,
            length=context,
            crossed=True,
        )

    def _head(self, *, predicts: bool = True, held_values: int = 0) -> Block:
        return TargetHeadBlock(
            path="language.head",
            held_values=held_values,
            shape=self.shape,
            batch_size=self.batch_size,
            length=1,
            predicts=predicts,
        )


@dataclass(frozen=True, kw_only=True)
class EncoderDecoderBlock(Block):
    """A piece of an encoder-decoder.

    Attributes:
        length: positions of the source; of what a stem or a head is for.
    """

    shape: EncoderDecoder
    batch_size: int
    length: int

    def states(self, length: int, device: str) -> Tensor:
        """Return vectors (b, length, t)."""
        import torch

        return torch.randn(self.batch_size, length, self.shape.width, device=device)

    def bias(self, queries: int, keys: int, device: str) -> Tensor:
        """Return what is added to scores, (h, queries, keys)."""
        import torch

        return torch.zeros(self.shape.num_heads, queries, keys, device=device)


@dataclass(frozen=True, kw_only=True)
class StackStemBlock(EncoderDecoderBlock):
    """Token ids and biases of positions; a decoder, which is `crossed`, gets one at a time."""

    crossed: bool

    def build(self, device: str) -> Built:
        import torch

        new = 1 if self.crossed else self.length
        ids = torch.zeros(self.batch_size, new, dtype=torch.long, device=device)
        stem = self.shape.build_stem(device, crossed=self.crossed, num_positions=self.length)
        return stem, (ids,)


@dataclass(frozen=True, kw_only=True)
class SourceLayerBlock(EncoderDecoderBlock):
    """One layer of the encoder."""

    @property
    def flops(self) -> int:
        return self.shape.encoder_layer_flops(self.length, self.batch_size)

    @property
    def linears(self) -> tuple[Linear, ...]:
        return self.shape.encoder_layer_linears()

    def build(self, device: str) -> Built:
        inputs = (self.states(self.length, device), self.bias(self.length, self.length, device))
        return self.shape.build_layer(device, crossed=False), inputs


@dataclass(frozen=True, kw_only=True)
class SourceNormBlock(EncoderDecoderBlock):
    """The encoder's last norm."""

    def build(self, device: str) -> Built:
        from torch import nn

        norm = nn.RMSNorm(self.shape.width, eps=1e-6, device=device)
        return norm, (self.states(self.length, device),)


@dataclass(frozen=True, kw_only=True)
class FirstTargetLayerBlock(EncoderDecoderBlock):
    """A decoder's layer on its first position; it also makes the source's keys and values."""

    @property
    def flops(self) -> int:
        source = self.shape.cross_kv_flops(self.length, self.batch_size) // self.shape.decoder_depth
        return self.shape.decoder_layer_flops(1, 1, self.length, self.batch_size) + source

    @property
    def linears(self) -> tuple[Linear, ...]:
        return self.shape.decoder_layer_linears()

    def build(self, device: str) -> Built:
        position, bias = self.states(1, device), self.bias(1, 1, device)
        layer = self.shape.build_layer(device, crossed=True)
        return layer, (position, bias, self.states(self.length, device))


@dataclass(frozen=True, kw_only=True)
class TargetLayerBlock(EncoderDecoderBlock):
    """A decoder's layer on one more position, the `context`-th, with all before it cached."""

    context: int

    @property
    def flops(self) -> int:
        return self.shape.decoder_layer_flops(1, self.context, self.length, self.batch_size)

    @property
    def num_cached_inputs(self) -> int:
        return 4

    @property
    def linears(self) -> tuple[Linear, ...]:
        return self.shape.decoder_layer_linears(cached=True)

    def build(self, device: str) -> Built:
        import torch

        from vlcalc.modules.encoder_decoder import CachedStackLayer

        heads = self.batch_size, self.shape.num_heads
        lengths = (self.context, self.context, self.length, self.length)
        cache = [torch.randn(*heads, n, self.shape.head_dim, device=device) for n in lengths]
        layer = CachedStackLayer(self.shape.build_layer(device, crossed=True))
        return layer, (self.states(1, device), self.bias(1, self.context, device), *cache)


@dataclass(frozen=True, kw_only=True)
class TargetHeadBlock(EncoderDecoderBlock):
    """The decoder's last norm, and the head where it predicts, of one position."""

    predicts: bool

    @property
    def flops(self) -> int:
        return self.predicts * self.shape.head_flops(self.batch_size)

    def build(self, device: str) -> Built:
        import torch
        from torch import nn

        from vlcalc.modules.encoder_decoder import TargetEnd

        shape = self.shape
        scale = shape.width**-0.5 if shape.tied_embeddings else None
        with torch.device(device):
            norm = nn.RMSNorm(shape.width, eps=1e-6)
            head = nn.Linear(shape.width, shape.vocab_size, bias=False) if self.predicts else None
        return TargetEnd(norm, head, scale=scale), (self.states(1, device),)
