"""A text encoder: embeddings, layers, and what follows on them.

Source: CLIP, arXiv:2103.00020, section 2.4; SigLIP, arXiv:2303.15343; BERT, arXiv:1810.04805.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.decoder import CausalSelfAttention, DecoderLayer, window_mask
from vlcalc.modules.primitives import PostNormLayer, apply_if, store
from vlcalc.modules.vit_layers import build_vision_feed_forward

TextActivation = Literal["gelu", "gelu_tanh", "quick_gelu", "relu"]
Placement = Literal["pre", "post"]


def build_text_layer(
    *,
    width: int,
    num_heads: int,
    ffn_width: int,
    activation: TextActivation,
    norm_placement: Placement,
    causal: bool,
    eps: float,
) -> nn.Module:
    """Return one layer; one with norms after its sums takes its mask with the call."""
    feed_forward = build_vision_feed_forward(
        width=width, hidden_width=ffn_width, activation=activation, bias=True, gated=False
    )
    if norm_placement == "post":
        layer = PostNormLayer(width=width, num_heads=num_heads, hidden_width=ffn_width, eps=eps)
        layer.feed_forward = feed_forward
        return layer
    attention = CausalSelfAttention(
        width=width,
        num_heads=num_heads,
        num_kv_heads=num_heads,
        head_dim=width // num_heads,
        qkv_bias=True,
        output_bias=True,
        qk_norm=None,
        own_qk_norms=False,
        inner_norm=None,
        rotary_dim=0,
        rope_base=1.0,
        eps=eps,
        causal=causal,
    )
    return DecoderLayer(
        width=width, attention=attention, feed_forward=feed_forward, norm="layer", eps=eps
    )


class PredictionHead(nn.Module):
    """Scores of all tokens: a linear layer, a norm, and the embedding as table with a bias."""

    def __init__(self, *, width: int, vocab_size: int, eps: float) -> None:
        super().__init__()
        self.transform = nn.Linear(width, width)
        self.activation = nn.GELU()
        self.norm = nn.LayerNorm(width, eps=eps)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        x = self.norm(self.activation(self.transform(x)))  # (b, s, t)
        return F.linear(x, table, self.bias)  # (b, s, vocab)


class CachedPostNormLayer(nn.Module):
    """A layer with norms after its sums, on the keys and values of the text so far."""

    def __init__(self, layer: PostNormLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return hidden states (b, s, t); the cache's last places, of (b, h, n, e), are for `x`."""
        layer = self.layer
        new = layer.attention.keys_values(x)
        cache = store(keys, new[0]), store(values, new[1])
        x = layer.attention_norm(x + layer.attention(x, cache))
        out: Tensor = layer.feed_forward_norm(x + layer.feed_forward(x))
        return out


class TextEncoderModel(nn.Module):
    """Embeddings, layers, final norm, pooler and prediction head."""

    def __init__(
        self,
        *,
        layers: Iterable[nn.Module],
        width: int,
        vocab_size: int,
        num_positions: int,
        num_token_types: int = 0,
        norm_placement: Placement = "pre",
        causal: bool = False,
        pooler: bool = False,
        prediction_head: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        is_post = norm_placement == "post"
        self.masked = causal and is_post  # layers with norms before know themselves
        self.embedding = nn.Embedding(vocab_size, width)
        self.positions = nn.Embedding(num_positions, width)
        self.token_types = nn.Embedding(num_token_types, width) if num_token_types else None
        self.embedding_norm = nn.LayerNorm(width, eps=eps) if is_post else None
        self.layers = nn.ModuleList(layers)
        self.final_norm = None if is_post else nn.LayerNorm(width, eps=eps)
        self.pooler = nn.Linear(width, width) if pooler else None
        self.head = None
        if prediction_head:
            self.head = PredictionHead(width=width, vocab_size=vocab_size, eps=eps)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Return what the first layer is given, (b, s, t)."""
        x = self.embedding(token_ids)  # (b, s, t)
        x = x + self.positions(torch.arange(x.shape[1], device=x.device))
        if self.token_types is not None:
            x = x + self.token_types(torch.zeros_like(token_ids))  # one segment
        return apply_if(self.embedding_norm, x)

    def forward(self, token_ids: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return hidden states, or logits with a prediction head, and the pooled vector."""
        x = self.embed(token_ids)
        mask = (window_mask(x.shape[1], x.shape[1], x.device),) if self.masked else ()
        for layer in self.layers:
            x = layer(x, *mask)
        x = apply_if(self.final_norm, x)
        pooled = None if self.pooler is None else self.pooler(x[:, 0]).tanh()  # (b, t)
        if self.head is not None:
            x = self.head(x, self.embedding.weight)  # (b, s, vocab)
        return x, pooled


class TextStem(nn.Module):
    """Token ids to what the first layer is given."""

    def __init__(self, model: TextEncoderModel) -> None:
        super().__init__()
        self.model = model
        del model.final_norm, model.pooler, model.head  # they come after the layers

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return vectors (b, s, t)."""
        return self.model.embed(token_ids)


class TextEnd(nn.Module):
    """What leaves the last layer to what the model gives, logits of the last positions alone."""

    def __init__(self, model: TextEncoderModel, *, num_logits: int) -> None:
        super().__init__()
        self.final_norm, self.pooler, self.num_logits = model.final_norm, model.pooler, num_logits
        self.head = model.head if num_logits else None
        self.table = model.embedding.weight if num_logits else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return hidden states (b, s, t), or logits (b, rows, vocab), and a vector (b, t)."""
        x = apply_if(self.final_norm, x)
        pooled = None if self.pooler is None else self.pooler(x[:, 0]).tanh()  # (b, t)
        if self.head is not None:
            x = self.head(x[:, -self.num_logits :], self.table)  # (b, rows, vocab)
        return x, pooled
