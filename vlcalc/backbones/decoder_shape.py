"""The shape of a decoder-only language model: its fields, and the relations that they keep.

Source: which model has which bias and norm: transformers models/*/modeling_*.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from vlcalc.backbones.checks import check_field_divides
from vlcalc.backbones.experts import Experts
from vlcalc.backbones.latent_attention import LatentAttention
from vlcalc.core.bounds import Depth, NonNegativeInt, PositiveInt
from vlcalc.tiling.base import Frozen

NormKind = Literal["rms", "layer", "layer_no_bias"]
NormPlacement = Literal["pre", "sandwich", "parallel"]
Activation = Literal["gelu", "gelu_tanh", "relu", "silu", "squared_relu"]


class DecoderShape(Frozen):
    """A stack of layers between an embedding and a head.

    Attributes:
        num_kv_heads: heads of keys and values; `num_heads` unless given.
        head_dim: width of a head; `width` / `num_heads` unless given.
        gated: whether an activated branch of the feed-forward multiplies a second one.
        qkv_bias: whether the query, key and value projections have biases.
        output_bias: whether the output projection of attention has a bias.
        qk_norm: the norm of each query and key head; None for none.
        own_qk_norms: whether each head has weights of its own in that norm.
        latent_attention: what takes the place of key and value heads; None for plain attention.
        experts: what takes the place of the feed-forward, in which layers; None for none.
        sliding_window: positions that a token of a windowed layer attends to, itself included.
        full_every: of so many layers in a row the last one has no window; 0 where all have one.
        norm_placement: pre, before attention and feed-forward; sandwich, before and after both;
            parallel, one norm that both start from.
        inner_norms: whether the inputs of the output and of the down projection are normalised.
        tied_embeddings: whether the head is the embedding.
        extra_embeddings: rows of the embedding beyond `vocab_size`, for which there is no logit.
        rotary_fraction: the part of a head that positions rotate; 0 where they do not.
        learned_positions: rows of the learned position table; 0 where positions are computed.
        position_offset: rows at the start of that table that stand for no position.
    """

    depth: Depth
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
    latent_attention: LatentAttention | None = None
    experts: Experts | None = None
    sliding_window: PositiveInt | None = None
    full_every: NonNegativeInt = 0
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
        if data.get("latent_attention"):
            derived["head_dim"] = 1  # its heads have widths of their own
        elif isinstance(width, int) and "head_dim" not in data:
            check_field_divides("num_heads", num_heads, "width", width)
            derived["head_dim"] = width // num_heads
        return {**derived, **data}

    @model_validator(mode="after")
    def _check(self) -> DecoderShape:
        check_field_divides("num_kv_heads", self.num_kv_heads, "num_heads", self.num_heads)
        if self.head_bias and self.tied_embeddings:
            raise PydanticCustomError("head_bias", "expected no `head_bias` on a tied head")
        if self.own_qk_norms and not self.qk_norm:
            raise PydanticCustomError("qk_norm", "expected `qk_norm` beside `own_qk_norms`")
        if self.inner_norms and self.gated:
            raise PydanticCustomError("inner_norms", "expected `gated: false` for `inner_norms`")
        if self.full_every and not self.sliding_window:
            raise PydanticCustomError("window", "expected `sliding_window` beside `full_every`")
        if self.experts and (self.mlp_bias or not self.gated):
            message = "expected `gated: true` and no `mlp_bias` beside `experts`"
            raise PydanticCustomError("experts", message)
        if self.latent_attention and (
            self.qkv_bias or self.output_bias or self.qk_norm or self.inner_norms
        ):
            message = "expected no bias and no norm of heads beside `latent_attention`"
            raise PydanticCustomError("latent_attention", message)
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

    def has_experts(self, index: int) -> bool:
        """Return whether the layer of this index, counted from 0, has experts."""
        return self.experts is not None and self.experts.in_layer(index)

    def has_window(self, index: int) -> bool:
        """Return whether the layer of this index, counted from 0, has a sliding window."""
        full = self.full_every and (index + 1) % self.full_every == 0
        return self.sliding_window is not None and not full
