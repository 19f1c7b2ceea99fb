"""A decoder-only language model: its shape, and its parameters and FLOPs in closed form.

FLOPs are 2 per multiply-accumulate of matrix products only; causal attention is counted in full.

Source: Vaswani et al., arXiv:1706.03762; grouped queries from arXiv:2305.13245; gated feed-forward
from arXiv:2002.05202. Which model has which bias and norm: transformers models/*/modeling_*.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from vlcalc.tiling.base import Frozen

if TYPE_CHECKING:
    from vlcalc.modules.decoder import DecoderLayer, DecoderModel

Logits = Literal["last", "all", "none"]
NormKind = Literal["rms", "layer", "layer_no_bias"]
NormPlacement = Literal["pre", "sandwich", "parallel"]
Activation = Literal["gelu", "gelu_tanh", "relu", "silu", "squared_relu"]

NORMS_PER_LAYER: dict[NormPlacement, int] = {"pre": 2, "sandwich": 4, "parallel": 1}


class DecoderParams(NamedTuple):
    """Parameters by part; a tied head is counted once, with the embedding."""

    embedding: int
    layers: int
    final_norm: int
    head: int


class Decoder(Frozen):
    """A stack of equal layers between an embedding and a head.

    Attributes:
        num_kv_heads: heads of keys and values; `num_heads` unless given.
        head_dim: width of a head; `width` / `num_heads` unless given.
        gated: whether an activated branch of the feed-forward multiplies a second one.
        qkv_bias: whether the query, key and value projections have biases.
        output_bias: whether the output projection of attention has a bias.
        qk_norm: the norm of each query and key head; None for none.
        own_qk_norms: whether each head has weights of its own in that norm.
        norm_placement: pre, before attention and feed-forward; sandwich, before and after both;
            parallel, one norm that both start from.
        inner_norms: whether the inputs of the output and of the down projection are normalised.
        tied_embeddings: whether the head is the embedding.
        extra_embeddings: rows of the embedding beyond `vocab_size`, for which there is no logit.
        rotary_fraction: the part of a head that positions rotate; 0 where they do not.
        learned_positions: rows of the learned position table; 0 where positions are computed.
        position_offset: rows at the start of that table that stand for no position.
    """

    depth: PositiveInt
    width: PositiveInt
    num_heads: PositiveInt
    num_kv_heads: PositiveInt = Field(default=0)  # `_derive` fills both in before they are read
    head_dim: PositiveInt = Field(default=0)
    ffn_width: PositiveInt
    vocab_size: PositiveInt
    activation: Activation = "silu"
    gated: bool = True
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    head_bias: bool = False
    qk_norm: Literal["rms", "layer"] | None = None
    own_qk_norms: bool = False
    norm: NormKind = "rms"
    norm_placement: NormPlacement = "pre"
    inner_norms: bool = False
    tied_embeddings: bool = False
    extra_embeddings: NonNegativeInt = 0
    rotary_fraction: Annotated[float, Field(ge=0, le=1)] = 1.0
    learned_positions: NonNegativeInt = 0
    position_offset: NonNegativeInt = 0

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        width, num_heads = data.get("width"), data.get("num_heads")
        if not isinstance(num_heads, int) or num_heads < 1:
            return data
        derived = {"num_kv_heads": num_heads}
        if isinstance(width, int) and "head_dim" not in data:
            _check_divides("num_heads", num_heads, "width", width)
            derived["head_dim"] = width // num_heads
        return {**derived, **data}

    @model_validator(mode="after")
    def _check(self) -> Decoder:
        _check_divides("num_kv_heads", self.num_kv_heads, "num_heads", self.num_heads)
        if self.head_bias and self.tied_embeddings:
            raise PydanticCustomError("head_bias", "expected no `head_bias` on a tied head")
        if self.own_qk_norms and not self.qk_norm:
            raise PydanticCustomError("qk_norm", "expected `qk_norm` beside `own_qk_norms`")
        if self.inner_norms and self.gated:
            raise PydanticCustomError("inner_norms", "expected `gated: false` for `inner_norms`")
        return self

    @property
    def query_width(self) -> int:
        """Width of all query heads together."""
        return self.num_heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Width of all key heads together, which is that of the value heads."""
        return self.num_kv_heads * self.head_dim

    @property
    def num_mlp_inputs(self) -> int:
        """Projections from `width` to `ffn_width`: two where gated."""
        return 2 if self.gated else 1

    def norm_params(self, width: int) -> int:
        """Return the parameters of one norm."""
        return 2 * width if self.norm == "layer" else width

    def attention_params(self) -> int:
        """Return the parameters of a layer's attention, its inner norms included."""
        weights = 2 * self.width * (self.query_width + self.kv_width)
        biases = self.qkv_bias * (self.query_width + 2 * self.kv_width)
        biases += self.output_bias * self.width
        inner = self.norm_params(self.query_width) if self.inner_norms else 0
        return weights + biases + self._qk_norm_params() + inner

    def _qk_norm_params(self) -> int:
        if self.qk_norm is None:
            return 0
        heads = self.num_heads + self.num_kv_heads if self.own_qk_norms else 2
        return heads * self.head_dim * (2 if self.qk_norm == "layer" else 1)

    def mlp_params(self) -> int:
        """Return the parameters of a layer's feed-forward, its inner norm included."""
        weights = (self.num_mlp_inputs + 1) * self.width * self.ffn_width
        biases = self.mlp_bias * (self.num_mlp_inputs * self.ffn_width + self.width)
        return weights + biases + (self.norm_params(self.ffn_width) if self.inner_norms else 0)

    def layer_params(self) -> int:
        """Return the parameters of one layer."""
        norms = NORMS_PER_LAYER[self.norm_placement] * self.norm_params(self.width)
        return self.attention_params() + self.mlp_params() + norms

    def params_by_part(self) -> DecoderParams:
        """Return the parameters of embedding, layers, final norm and head."""
        rows = self.vocab_size + self.extra_embeddings
        rows += self.learned_positions + (self.position_offset if self.learned_positions else 0)
        head = 0 if self.tied_embeddings else self.vocab_size * self.width
        return DecoderParams(
            embedding=rows * self.width,
            layers=self.depth * self.layer_params(),
            final_norm=self.norm_params(self.width),
            head=head + self.head_bias * self.vocab_size,
        )

    def num_params(self) -> int:
        """Return the parameters of the whole model."""
        return sum(self.params_by_part())

    def attention_flops(self, queries: int, keys: int, batch: int = 1) -> int:
        """Return the FLOPs of a layer's scores and weighted sums, without its projections."""
        return 4 * batch * queries * keys * self.query_width

    def layer_flops(self, queries: int, keys: int, batch: int = 1) -> int:
        """Return the FLOPs of one layer for `queries` new positions.

        Args:
            queries: positions that pass through the layer; keys are computed for these alone.
            keys: positions attended to, cached and new.
            batch: sequences.
        """
        projections = 2 * self.width * (self.query_width + self.kv_width)
        mlp = (self.num_mlp_inputs + 1) * self.width * self.ffn_width
        flops_per_position = 2 * (projections + mlp)
        return batch * queries * flops_per_position + self.attention_flops(queries, keys, batch)

    def head_flops(self, rows: int) -> int:
        """Return the FLOPs of the logits of `rows` positions."""
        return 2 * rows * self.width * self.vocab_size

    def prefill_flops(self, sequence_length: int, batch: int = 1, logits: Logits = "last") -> int:
        """Return the FLOPs of the prompt, causal attention counted in full.

        Args:
            sequence_length: positions of one sequence.
            batch: sequences.
            logits: which positions the head is applied to.
        """
        rows = {"last": 1, "all": sequence_length, "none": 0}[logits]
        layer = self.layer_flops(sequence_length, sequence_length, batch)
        return self.depth * layer + self.head_flops(batch * rows)

    def decode_flops(self, context: int, batch: int = 1) -> int:
        """Return the FLOPs of one new token; `context` positions attended to, itself included."""
        return self.depth * self.layer_flops(1, context, batch) + self.head_flops(batch)

    def kv_cache_bytes_per_token(self, dtype_bytes: int) -> int:
        """Return the bytes that one position of one sequence takes in the cache of all layers."""
        return 2 * self.depth * self.kv_width * dtype_bytes

    def build_layer(
        self, device: str = "meta", *, rope_base: float = 10_000.0, eps: float = 1e-6
    ) -> DecoderLayer:
        """Return one layer; the base of its rotary angles and the norms' epsilon cost nothing."""
        import torch

        from vlcalc.modules.decoder import DecoderLayer

        with torch.device(device):
            return DecoderLayer(
                width=self.width,
                num_heads=self.num_heads,
                num_kv_heads=self.num_kv_heads,
                head_dim=self.head_dim,
                ffn_width=self.ffn_width,
                activation=self.activation,
                gated=self.gated,
                qkv_bias=self.qkv_bias,
                output_bias=self.output_bias,
                mlp_bias=self.mlp_bias,
                qk_norm=self.qk_norm,
                own_qk_norms=self.own_qk_norms,
                norm=self.norm,
                norm_placement=self.norm_placement,
                inner_norms=self.inner_norms,
                rotary_dim=round(self.rotary_fraction * self.head_dim),
                rope_base=rope_base,
                eps=eps,
            )

    def build(
        self, device: str = "meta", *, rope_base: float = 10_000.0, eps: float = 1e-6
    ) -> DecoderModel:
        """Return the whole model on a device; keywords as in `build_layer`."""
        import torch

        from vlcalc.modules.decoder import DecoderModel

        layers = [self.build_layer(device, rope_base=rope_base, eps=eps) for _ in range(self.depth)]
        with torch.device(device):
            return DecoderModel(
                layers=layers,
                width=self.width,
                vocab_size=self.vocab_size,
                norm=self.norm,
                tied_embeddings=self.tied_embeddings,
                head_bias=self.head_bias,
                extra_embeddings=self.extra_embeddings,
                learned_positions=self.learned_positions,
                position_offset=self.position_offset,
                eps=eps,
            )


def _check_divides(part_name: str, part: int, whole_name: str, whole: int) -> None:
    if whole % part:
        raise PydanticCustomError(
            "divides",
            "expected `{part_name}` ({part}) that divides `{whole_name}` ({whole})",
            {"part_name": part_name, "part": part, "whole_name": whole_name, "whole": whole},
        )
