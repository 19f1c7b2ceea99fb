"""An encoder-decoder language model (T5): parameters, FLOPs and cache in closed form.

FLOPs are 2 per multiply-accumulate of matrix products only; causal attention is counted in full.

Source: T5, arXiv:1910.10683, section 2.1; gated feed-forwards from T5 v1.1, arXiv:2002.05202;
transformers models/t5/modeling_t5.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from vlcalc.backbones.checks import check_field_divides
from vlcalc.backbones.language import CacheBytes, LayerStack, Linear, feed_forward_linears
from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.tiling.base import Frozen

if TYPE_CHECKING:
    from torch import nn

    from vlcalc.modules.encoder_decoder import EncoderDecoderModel, StackLayer

Logits = Literal["last", "all", "none"]


class EncoderDecoderParams(NamedTuple):
    """Parameters by part; each stack with its position biases and its final norm."""

    embedding: int
    encoder: int
    decoder: int
    head: int


class EncoderDecoder(Frozen):
    """Two stacks of layers over one embedding; the second also attends to the first.

    Attributes:
        encoder_depth: layers of the encoder.
        decoder_depth: layers of the decoder; `encoder_depth` unless given.
        head_dim: width of a head; `width` / `num_heads` unless given.
        gated: whether an activated branch of the feed-forward multiplies a second one.
        num_position_buckets: distances between positions that have a bias of their own, learned
            once for each stack.
        tied_embeddings: whether the head is the embedding.
    """

    encoder_depth: Depth
    decoder_depth: Depth = Field(default=0)  # `_derive` fills both in before they are read
    width: PositiveInt
    num_heads: PositiveInt
    head_dim: PositiveInt = Field(default=0)
    ffn_width: PositiveInt
    vocab_size: PositiveInt
    activation: Literal["relu", "gelu_tanh"] = "gelu_tanh"
    gated: bool = True
    num_position_buckets: PositiveInt = 32
    tied_embeddings: bool = False

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        derived = {}
        if "encoder_depth" in data:
            derived["decoder_depth"] = data["encoder_depth"]
        width, num_heads = data.get("width"), data.get("num_heads")
        if isinstance(width, int) and isinstance(num_heads, int) and num_heads > 0:
            derived["head_dim"] = width // num_heads
            if "head_dim" not in data:
                check_field_divides("num_heads", num_heads, "width", width)
        return {**derived, **data}

    @property
    def generates(self) -> bool:
        """Always: it writes an answer, token by token."""
        return True

    @property
    def text_depth(self) -> int:
        """Layers of the decoder."""
        return self.decoder_depth

    @property
    def stacks(self) -> dict[str, LayerStack]:
        """Encoder and decoder."""
        encoder = self.encoder_layer_linears() * self.encoder_depth
        decoder = self.decoder_layer_linears() * self.decoder_depth
        return {
            "encoder": LayerStack(self.encoder_depth, encoder),
            "decoder": LayerStack(self.decoder_depth, decoder),
        }

    @property
    def attention_width(self) -> int:
        """Width of all heads together."""
        return self.num_heads * self.head_dim

    def attention_params(self) -> int:
        """Return the parameters of one attention: queries, keys, values and output."""
        return 4 * self.width * self.attention_width

    def mlp_params(self) -> int:
        """Return the parameters of one feed-forward."""
        return (3 if self.gated else 2) * self.width * self.ffn_width

    def encoder_layer_params(self) -> int:
        """Return the parameters of an encoder layer, without position biases."""
        return self.attention_params() + self.mlp_params() + 2 * self.width

    def decoder_layer_params(self) -> int:
        """Return the parameters of a decoder layer, without position biases."""
        return 2 * self.attention_params() + self.mlp_params() + 3 * self.width

    def params_by_part(self) -> EncoderDecoderParams:
        """Return the parameters of embedding, encoder, decoder and head."""
        once_per_stack = self.num_position_buckets * self.num_heads + self.width
        table = self.vocab_size * self.width
        return EncoderDecoderParams(
            embedding=table,
            encoder=self.encoder_depth * self.encoder_layer_params() + once_per_stack,
            decoder=self.decoder_depth * self.decoder_layer_params() + once_per_stack,
            head=0 if self.tied_embeddings else table,
        )

    def num_params(self) -> int:
        """Return the parameters of the whole model."""
        return sum(self.params_by_part())

    def encoder_layer_linears(self) -> tuple[Linear, ...]:
        """Return the linear weights of an encoder layer."""
        inwards = ((self.attention_width, self.width),) * 3
        mlp = feed_forward_linears(self.width, self.ffn_width, 2 if self.gated else 1)
        return (*inwards, (self.width, self.attention_width), *mlp)

    def decoder_layer_linears(self, *, cached: bool = False) -> tuple[Linear, ...]:
        """Return the linear weights of a decoder layer.

        Args:
            cached: whether the source's keys and values are there, so that the weights that make
                them are not read.
        """
        inwards = ((self.attention_width, self.width),) * (1 if cached else 3)
        crossing = (*inwards, (self.width, self.attention_width))
        return (*self.encoder_layer_linears(), *crossing)

    def _attention_flops(self, queries: int, new_keys: int, keys: int) -> int:
        """Return the FLOPs of one attention; keys and values are made for `new_keys` alone."""
        projections = 4 * (queries + new_keys) * self.width * self.attention_width
        return projections + 4 * queries * keys * self.attention_width

    def encoder_layer_flops(self, source_length: int, batch: int = 1) -> int:
        """Return the FLOPs of one encoder layer."""
        attention = self._attention_flops(source_length, source_length, source_length)
        return batch * (attention + 2 * source_length * self.mlp_params())

    def encode_flops(self, source_length: int, batch: int = 1) -> int:
        """Return the FLOPs of the encoder."""
        return self.encoder_depth * self.encoder_layer_flops(source_length, batch)

    def cross_kv_flops(self, source_length: int, batch: int = 1) -> int:
        """Return the FLOPs of the decoder's keys and values of the source, made once."""
        per_layer = 4 * source_length * self.width * self.attention_width
        return batch * self.decoder_depth * per_layer

    def decoder_layer_flops(
        self, new: int, context: int, source_length: int, batch: int = 1
    ) -> int:
        """Return the FLOPs of one decoder layer; the source's keys and values are there.

        Args:
            new: positions that pass through it.
            context: positions of the target that they attend to, themselves included.
            source_length: positions of the encoder.
            batch: sequences.
        """
        layer = self._attention_flops(new, new, context)
        layer += self._attention_flops(new, 0, source_length)
        return batch * (layer + 2 * new * self.mlp_params())

    def head_flops(self, rows: int) -> int:
        """Return the FLOPs of the logits of `rows` positions."""
        return 2 * rows * self.width * self.vocab_size

    def prefill_flops(
        self, source_length: int, target_length: int = 1, batch: int = 1, logits: Logits = "last"
    ) -> int:
        """Return the FLOPs of a source and the start of its target.

        Args:
            source_length: positions of the encoder.
            target_length: positions that the decoder starts from: 1, unless an answer is given.
            batch: sequences.
            logits: which of the decoder's positions the head is applied to.
        """
        rows = {"last": 1, "all": target_length, "none": 0}[logits]
        layer = self.decoder_layer_flops(target_length, target_length, source_length, batch)
        source = self.encode_flops(source_length, batch)
        source += self.cross_kv_flops(source_length, batch)
        return source + self.decoder_depth * layer + self.head_flops(batch * rows)

    def decode_flops(self, context: int, source_length: int, batch: int = 1) -> int:
        """Return the FLOPs of one new token of the target; `context` includes it."""
        layer = self.decoder_layer_flops(1, context, source_length, batch)
        return self.decoder_depth * layer + self.head_flops(batch)

    def kv_cache_bytes(
        self, source_length: int, target_length: int, batch: int = 1, *, dtype_bytes: int
    ) -> int:
        """Return the bytes of the decoder's keys and values, of the target and of the source."""
        positions = source_length + target_length
        return 2 * batch * self.decoder_depth * positions * self.attention_width * dtype_bytes

    def cache_bytes(
        self, prompt_length: int, num_decoded: int, batch: int = 1, *, dtype_bytes: int
    ) -> CacheBytes:
        """Return the cache when the answer is done: of the target with its start, of the source."""
        target = self.kv_cache_bytes(0, 1 + num_decoded, batch, dtype_bytes=dtype_bytes)
        source = self.kv_cache_bytes(prompt_length, 0, batch, dtype_bytes=dtype_bytes)
        return CacheBytes(target, source)

    def build_layer(self, device: str = "meta", *, crossed: bool) -> StackLayer:
        """Return a layer of the encoder, or of the decoder, which is `crossed`."""
        import torch

        from vlcalc.modules.encoder_decoder import StackLayer

        with torch.device(device):
            return StackLayer(
                width=self.width,
                num_heads=self.num_heads,
                head_dim=self.head_dim,
                ffn_width=self.ffn_width,
                activation=self.activation,
                gated=self.gated,
                crossed=crossed,
                eps=1e-6,
            )

    def build_stem(self, device: str = "meta", *, crossed: bool, num_positions: int) -> nn.Module:
        """Return what is before the first layer of a stack, for the last of `num_positions`."""
        import torch
        from torch import nn

        from vlcalc.modules.encoder_decoder import PositionBias, StackStem

        with torch.device(device):
            bias = PositionBias(
                num_buckets=self.num_position_buckets,
                num_heads=self.num_heads,
                both_ways=not crossed,
            )
            embedding = nn.Embedding(self.vocab_size, self.width)
            return StackStem(embedding, bias, num_positions=num_positions)

    def build(self, device: str = "meta") -> EncoderDecoderModel:
        """Return the module on a device."""
        import torch

        from vlcalc.modules.encoder_decoder import EncoderDecoderModel

        with torch.device(device):
            return EncoderDecoderModel(**self.model_dump())
