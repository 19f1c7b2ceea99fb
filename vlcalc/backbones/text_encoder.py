"""A text encoder (CLIP's and SigLIP's text towers, BERT): parameters and FLOPs in closed form.

The projection that a contrastive model puts after its towers belongs to the fusion, not to them.

Source: CLIP, arXiv:2103.00020, section 2.4; SigLIP, arXiv:2303.15343; BERT, arXiv:1810.04805;
transformers models/{clip,siglip,bert}/modeling_*.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import model_validator

from vlcalc.backbones.checks import check_field_divides
from vlcalc.backbones.language import CacheBytes, LayerStack, Linear, feed_forward_linears
from vlcalc.core.bounds import Depth, NonNegativeInt, PositiveInt
from vlcalc.core.errors import InputError
from vlcalc.tiling.base import Frozen

if TYPE_CHECKING:
    from torch import nn

    from vlcalc.modules.text_encoder import TextEncoderModel


class TextEncoderParams(NamedTuple):
    """Parameters by part; the prediction head's table is the embedding."""

    embedding: int
    layers: int
    final_norm: int
    pooler: int
    head: int


class TextEncoder(Frozen):
    """Embeddings and a stack of equal layers, all with biases and LayerNorms.

    Attributes:
        num_positions: rows of the learned position table, so the longest text.
        num_token_types: rows of the table of segments; 0 for none.
        norm_placement: pre, before attention and feed-forward, and one at the end; post, after
            each addition, and one after the embeddings.
        causal: whether a token sees only what came before it.
        pooler: whether a linear layer with tanh follows on the first token.
        prediction_head: whether tokens are predicted: a linear layer with norm, and the embedding
            as table with a bias.
    """

    depth: Depth
    width: PositiveInt
    num_heads: PositiveInt
    ffn_width: PositiveInt
    vocab_size: PositiveInt
    num_positions: PositiveInt
    num_token_types: NonNegativeInt = 0
    activation: Literal["gelu", "gelu_tanh", "quick_gelu", "relu"] = "gelu"
    norm_placement: Literal["pre", "post"] = "pre"
    causal: bool = False
    pooler: bool = False
    prediction_head: bool = False

    @model_validator(mode="after")
    def _check(self) -> TextEncoder:
        check_field_divides("num_heads", self.num_heads, "width", self.width)
        return self

    @property
    def generates(self) -> bool:
        """Whether it writes text token by token, as BLIP's does: causal, and predicting tokens."""
        return self.causal and self.prediction_head

    @property
    def text_depth(self) -> int:
        """All layers."""
        return self.depth

    @property
    def stacks(self) -> dict[str, LayerStack]:
        """The only stack."""
        return {"layers": LayerStack(self.depth, self.layer_linears() * self.depth)}

    def layer_params(self) -> int:
        """Return the parameters of one layer."""
        attention = 4 * self.width * (self.width + 1)
        mlp = 2 * self.width * self.ffn_width + self.ffn_width + self.width
        return attention + mlp + 4 * self.width

    def params_by_part(self) -> TextEncoderParams:
        """Return the parameters of embeddings, layers, final norm, pooler and head."""
        width, is_post = self.width, self.norm_placement == "post"
        rows = self.vocab_size + self.num_positions + self.num_token_types
        dense = width * (width + 1)
        return TextEncoderParams(
            embedding=rows * width + is_post * 2 * width,
            layers=self.depth * self.layer_params(),
            final_norm=0 if is_post else 2 * width,
            pooler=self.pooler * dense,
            head=self.prediction_head * (dense + 2 * width + self.vocab_size),
        )

    def num_params(self) -> int:
        """Return the parameters of the whole encoder."""
        return sum(self.params_by_part())

    def layer_linears(self) -> tuple[Linear, ...]:
        """Return the linear weights of one layer."""
        mlp = feed_forward_linears(self.width, self.ffn_width, 1)
        return (*((self.width, self.width),) * 4, *mlp)

    def layer_flops(self, length: int, batch: int = 1, *, keys: int | None = None) -> int:
        """Return the FLOPs of one layer; causal attention is counted in full.

        Args:
            length: positions that pass through it.
            batch: texts.
            keys: positions that they attend to, cached ones included; their own by default.
        """
        weights = 4 * self.width**2 + 2 * self.width * self.ffn_width
        pairs = length * (length if keys is None else keys)
        return batch * (2 * length * weights + 4 * pairs * self.width)

    def head_flops(self, rows: int) -> int:
        """Return the FLOPs of predicting the tokens of `rows` positions; 0 without such a head."""
        return self.prediction_head * 2 * rows * self.width * (self.width + self.vocab_size)

    def pooler_flops(self, batch: int = 1) -> int:
        """Return the FLOPs of the pooler; 0 without one."""
        return 2 * batch * self.width**2 * self.pooler

    def check_length(self, length: int) -> None:
        """Refuse a text that is longer than the position table.

        Raises:
            InputError: it is.
        """
        if length > self.num_positions:
            raise InputError(
                expected=f"at most {self.num_positions} tokens of text", got=str(length)
            )

    def num_flops(self, length: int, batch: int = 1) -> int:
        """Return the FLOPs of texts of `length` tokens, with pooler and prediction head.

        Raises:
            InputError: the text is longer than the position table.
        """
        self.check_length(length)
        layers = self.depth * self.layer_flops(length, batch)
        return layers + self.pooler_flops(batch) + self.head_flops(batch * length)

    def decode_flops(self, context: int, batch: int = 1) -> int:
        """Return the FLOPs of one new token; `context` is the positions so far and itself."""
        layers = self.depth * self.layer_flops(1, batch, keys=context)
        return layers + self.head_flops(batch)

    def kv_cache_bytes(self, sequence_length: int, batch: int = 1, *, dtype_bytes: int) -> int:
        """Return the bytes of the keys and values of so many positions."""
        return 2 * batch * self.depth * sequence_length * self.width * dtype_bytes

    def cache_bytes(
        self, prompt_length: int, num_decoded: int, batch: int = 1, *, dtype_bytes: int
    ) -> CacheBytes:
        """Return the cache when the answer is done; none where no answer is written."""
        positions = prompt_length + num_decoded if self.generates else 0
        return CacheBytes(self.kv_cache_bytes(positions, batch, dtype_bytes=dtype_bytes), 0)

    def build_layer(self, device: str = "meta", *, eps: float = 1e-5) -> nn.Module:
        """Return one layer; the norms' epsilon costs nothing."""
        import torch

        from vlcalc.modules.text_encoder import build_text_layer

        with torch.device(device):
            return build_text_layer(
                width=self.width,
                num_heads=self.num_heads,
                ffn_width=self.ffn_width,
                activation=self.activation,
                norm_placement=self.norm_placement,
                causal=self.causal,
                eps=eps,
            )

    def build(self, device: str = "meta", *, eps: float = 1e-5) -> TextEncoderModel:
        """Return the module on a device."""
        import torch

        from vlcalc.modules.text_encoder import TextEncoderModel

        layers = [self.build_layer(device, eps=eps) for _ in range(self.depth)]
        with torch.device(device):
            return TextEncoderModel(
                layers=layers,
                width=self.width,
                vocab_size=self.vocab_size,
                num_positions=self.num_positions,
                num_token_types=self.num_token_types,
                norm_placement=self.norm_placement,
                causal=self.causal,
                pooler=self.pooler,
                prediction_head=self.prediction_head,
                eps=eps,
            )
