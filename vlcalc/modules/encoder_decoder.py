"""An encoder-decoder language model as T5 is; a layer of its decoder can run on a cache.

Source: T5, arXiv:1910.10683, section 2.1; transformers models/t5/modeling_t5.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.primitives import Activation, FeedForward, KeysValues, split_heads, store

MAX_DISTANCE = 128  # positions farther apart share a bias


class PositionBias(nn.Module):
    """What a distance between two positions adds to a score, for each head.

    Half of the buckets are for single distances, the others widen up to `MAX_DISTANCE`.
    """

    def __init__(self, *, num_buckets: int, num_heads: int, both_ways: bool) -> None:
        super().__init__()
        self.both_ways = both_ways
        self.biases = nn.Embedding(num_buckets, num_heads)

    def _bucket(self, ahead: Tensor) -> Tensor:
        num_buckets = self.biases.num_embeddings
        offset: Tensor | int = 0
        if self.both_ways:
            num_buckets //= 2
            offset = (ahead > 0) * num_buckets
            distance = ahead.abs()
        else:
            distance = (-ahead).clamp(min=0)
        exact = num_buckets // 2
        growth = (distance.float() / exact).log() / math.log(MAX_DISTANCE / exact)
        wide = (exact + (growth * (num_buckets - exact)).long()).clamp(max=num_buckets - 1)
        return offset + torch.where(distance < exact, distance, wide)

    def forward(self, queries: int, keys: int) -> Tensor:
        """Return what is added to the scores of the last `queries` of so many positions."""
        positions = torch.arange(keys, device=self.biases.weight.device)
        ahead = positions[None] - positions[-queries:, None]  # (s, n)
        biases: Tensor = self.biases(self._bucket(ahead)).permute(2, 0, 1)  # (h, s, n)
        return biases if self.both_ways else biases.masked_fill(ahead > 0, -torch.inf)


class UnscaledAttention(nn.Module):
    """Attention whose scores are not divided by the square root of the head's width."""

    def __init__(self, *, width: int, num_heads: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.query = nn.Linear(width, num_heads * head_dim, bias=False)
        self.key = nn.Linear(width, num_heads * head_dim, bias=False)
        self.value = nn.Linear(width, num_heads * head_dim, bias=False)
        self.output = nn.Linear(num_heads * head_dim, width, bias=False)

    def keys_values(self, context: Tensor) -> KeysValues:
        """Return the key and value heads of `context`: what a cache keeps."""
        keys = split_heads(self.key(context), self.head_dim)  # (b, h, n, e)
        return keys, split_heads(self.value(context), self.head_dim)

    def forward(
        self, x: Tensor, context: Tensor | KeysValues, bias: Tensor | None = None
    ) -> Tensor:
        """Attend from `x` to `context`, or to the heads that a cache keeps."""
        q = split_heads(self.query(x), self.head_dim)  # (b, h, s, e)
        k, v = context if isinstance(context, tuple) else self.keys_values(context)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)
        out: Tensor = self.output(mixed.transpose(1, 2).flatten(-2))  # (b, s, t)
        return out


class StackLayer(nn.Module):
    """Self-attention, in a decoder cross-attention, and feed-forward; a norm before each."""

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        head_dim: int,
        ffn_width: int,
        activation: Activation,
        gated: bool,
        crossed: bool,
        eps: float,
    ) -> None:
        super().__init__()
        heads = {"width": width, "num_heads": num_heads, "head_dim": head_dim}
        self.attention_norm = nn.RMSNorm(width, eps=eps)
        self.attention = UnscaledAttention(**heads)
        self.cross_norm = nn.RMSNorm(width, eps=eps) if crossed else None
        self.cross_attention = UnscaledAttention(**heads) if crossed else None
        self.feed_forward_norm = nn.RMSNorm(width, eps=eps)
        self.feed_forward = FeedForward(
            width=width, hidden_width=ffn_width, activation=activation, bias=False, gated=gated
        )

    def forward(
        self,
        x: Tensor,
        bias: Tensor,
        source: Tensor | KeysValues | None = None,
        cache: KeysValues | None = None,
    ) -> Tensor:
        """Return hidden states (b, s, t); the last places of `cache` are for `x`."""
        normed = self.attention_norm(x)  # (b, s, t)
        context = normed if cache is None else self._stored(normed, cache)
        x = x + self.attention(normed, context, bias)  # (b, s, t)
        if self.cross_attention is not None and self.cross_norm is not None:
            assert source is not None
            x = x + self.cross_attention(self.cross_norm(x), source)  # (b, s, t)
        out: Tensor = x + self.feed_forward(self.feed_forward_norm(x))  # (b, s, t)
        return out

    def _stored(self, normed: Tensor, cache: KeysValues) -> KeysValues:
        keys, values = self.attention.keys_values(normed)
        return store(cache[0], keys), store(cache[1], values)


class CachedStackLayer(nn.Module):
    """A layer of the decoder, on keys and values of the target so far and of the source."""

    def __init__(self, layer: StackLayer) -> None:
        super().__init__()
        self.layer = layer
        assert layer.cross_attention is not None
        del layer.cross_attention.key, layer.cross_attention.value  # the source is cached

    def forward(self, x: Tensor, bias: Tensor, *cache: Tensor) -> Tensor:
        """Return hidden states (b, s, t).

        `cache` is keys and values of the target, then of the source, (b, h, n, e) each.
        """
        keys, values, *source = cache
        out: Tensor = self.layer(x, bias, (source[0], source[1]), (keys, values))
        return out


class Stack(nn.Module):
    """Layers with one position bias for all, and a final norm."""

    def __init__(
        self,
        *,
        depth: int,
        width: int,
        num_heads: int,
        head_dim: int,
        ffn_width: int,
        activation: Activation,
        gated: bool,
        num_position_buckets: int,
        crossed: bool,
        eps: float,
    ) -> None:
        super().__init__()
        self.position_bias = PositionBias(
            num_buckets=num_position_buckets, num_heads=num_heads, both_ways=not crossed
        )
        self.layers = nn.ModuleList(
            StackLayer(
                width=width,
                num_heads=num_heads,
                head_dim=head_dim,
                ffn_width=ffn_width,
                activation=activation,
                gated=gated,
                crossed=crossed,
                eps=eps,
            )
            for _ in range(depth)
        )
        self.final_norm = nn.RMSNorm(width, eps=eps)

    def forward(
        self, ids: Tensor, embed: Callable[[Tensor], Tensor], source: Tensor | None = None
    ) -> Tensor:
        """Return what leaves the last layer; `embed` makes the first one's input."""
        x = embed(ids)  # (b, s, t)
        bias = self.position_bias(x.shape[1], x.shape[1])  # (h, s, s)
        for layer in self.layers:
            x = layer(x, bias, source)
        out: Tensor = self.final_norm(x)
        return out


class StackStem(nn.Module):
    """Token ids to what a stack's first layer is given: vectors, and the bias of their distances.

    They are the last of `num_positions`.
    """

    def __init__(
        self, embedding: nn.Module, position_bias: PositionBias, *, num_positions: int
    ) -> None:
        super().__init__()
        self.embedding, self.position_bias = embedding, position_bias
        self.num_positions = num_positions

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors (b, s, t) and bias (h, s, n)."""
        return self.embedding(ids), self.position_bias(ids.shape[1], self.num_positions)


class TargetEnd(nn.Module):
    """What leaves the decoder's last layer to logits, of hidden states scaled where it is tied."""

    def __init__(self, norm: nn.Module, head: nn.Module | None, *, scale: float | None) -> None:
        super().__init__()
        self.final_norm, self.head, self.scale = norm, head, scale

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (b, s, vocab), or hidden states (b, s, t) without a head."""
        x = self.final_norm(x)
        if self.head is None:
            return x
        out: Tensor = self.head(x if self.scale is None else x * self.scale)
        return out


class EncoderDecoderModel(nn.Module):
    """One embedding, two stacks, and a head."""

    def __init__(
        self,
        *,
        encoder_depth: int,
        decoder_depth: int,
        width: int,
        num_heads: int,
        head_dim: int,
        ffn_width: int,
        vocab_size: int,
        activation: Activation = "gelu_tanh",
        gated: bool = True,
        num_position_buckets: int = 32,
        tied_embeddings: bool = False,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)

        def new_stack(depth: int, *, crossed: bool) -> Stack:
            return Stack(
                depth=depth,
                width=width,
                num_heads=num_heads,
                head_dim=head_dim,
                ffn_width=ffn_width,
                activation=activation,
                gated=gated,
                num_position_buckets=num_position_buckets,
                crossed=crossed,
                eps=eps,
            )

        self.encoder = new_stack(encoder_depth, crossed=False)
        self.decoder = new_stack(decoder_depth, crossed=True)
        self.head = None if tied_embeddings else nn.Linear(width, vocab_size, bias=False)

    def embed(self, x: Tensor) -> Tensor:
        """Return the vectors of token ids; vectors stay what they are."""
        vectors: Tensor = x if x.is_floating_point() else self.embedding(x)
        return vectors  # (b, s, t)

    def forward(
        self, source: Tensor, target: Tensor, logits: Literal["last", "all", "none"] = "all"
    ) -> Tensor:
        """Return the target's logits, or its hidden states for "none"."""
        encoded = self.encoder(source, self.embed)  # (b, n, t)
        hidden: Tensor = self.decoder(target, self.embed, encoded)  # (b, s, t)
        if logits == "none":
            return hidden  # (b, s, t)
        return self.predict(hidden[:, -1:] if logits == "last" else hidden)

    def predict(self, x: Tensor) -> Tensor:
        """Return the logits of hidden states; with the embedding as head, of scaled ones."""
        if self.head is None:
            return F.linear(x * x.shape[-1] ** -0.5, self.embedding.weight)  # (b, s, vocab)
        out: Tensor = self.head(x)  # (b, s, vocab)
        return out
