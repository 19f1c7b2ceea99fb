"""A decoder-only language model: embedding, layers, head; a layer can run on a cache.

Source: Vaswani et al., arXiv:1706.03762; rotary positions from arXiv:2104.09864; norms of queries
and keys from arXiv:2302.05442; norms after both halves from Gemma 2, arXiv:2408.00118, section 2;
parallel halves from PaLM, arXiv:2204.02311, section 2; inner norms from Magneto, arXiv:2210.06423.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.primitives import (
    Attention,
    Norm,
    apply_if,
    build_norm,
    split_heads,
    store,
)
from vlcalc.modules.rotary import rotate

DecoderNorm = Literal["rms", "layer", "layer_no_bias"]


def build_decoder_norm(kind: DecoderNorm, width: int, *, eps: float) -> nn.Module:
    """Return a norm of the kinds that decoders have."""
    if kind == "layer_no_bias":
        return nn.LayerNorm(width, eps=eps, bias=False)
    return build_norm(kind, width, eps=eps)


class OwnHeadNorm(nn.Module):
    """LayerNorm over a head's width, with weights of its own for each head.

    Source: Chameleon, arXiv:2405.09818, section 2.3; transformers
    models/chameleon/modeling_chameleon.py::ChameleonLayerNorm.
    """

    def __init__(self, num_heads: int, head_dim: int, *, kind: Norm, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_heads, 1, head_dim))
        self.bias = nn.Parameter(torch.zeros(num_heads, 1, head_dim)) if kind == "layer" else None

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-1:]
        if self.bias is None:
            return F.rms_norm(x, size, eps=self.eps) * self.weight  # (b, h, s, e)
        return F.layer_norm(x, size, eps=self.eps) * self.weight + self.bias  # (b, h, s, e)


def window_mask(length: int, window: int, device: torch.device) -> Tensor:
    """Return a mask that is True for the last `window` positions up to each."""
    return torch.ones(length, length, dtype=torch.bool, device=device).tril().triu(1 - window)


class CausalSelfAttention(Attention):
    """Self-attention over the positions so far; its queries and keys may be rotated.

    `window` is the number of positions that each one sees, itself included; None for all so far.
    With `causal` off, each sees all.
    """

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        num_kv_heads: int,
        head_dim: int,
        qkv_bias: bool,
        output_bias: bool,
        qk_norm: Norm | None,
        own_qk_norms: bool,
        inner_norm: nn.Module | None,
        rotary_dim: int,
        rope_base: float,
        eps: float,
        window: int | None = None,
        causal: bool = True,
    ) -> None:
        super().__init__(
            width=width,
            num_heads=num_heads,
            num_kv_heads=num_kv_heads,
            head_dim=head_dim,
            bias=qkv_bias,
            out_bias=output_bias,
            qk_norm=None if own_qk_norms else qk_norm,
            eps=eps,
        )
        if qk_norm and own_qk_norms:
            self.query_norm = OwnHeadNorm(num_heads, head_dim, kind=qk_norm, eps=eps)
            self.key_norm = OwnHeadNorm(num_kv_heads, head_dim, kind=qk_norm, eps=eps)
        self.inner_norm = inner_norm
        self.rotary_dim, self.rope_base = rotary_dim, rope_base
        self.window, self.causal = window, causal

    def forward(  # type: ignore[override]  # attends to itself alone
        self, x: Tensor, *cache: Tensor
    ) -> Tensor:
        """Return what each position reads: of those before it, or with a cache all of that.

        `cache` is the keys and the values, (b, h_kv, n, e) each, whose last places are for `x`.
        """
        q = apply_if(self.query_norm, split_heads(self.query(x), self.head_dim))  # (b, h, s, e)
        k, v = self.keys_values(x)  # (b, h_kv, s, e), twice
        if self.rotary_dim:
            q, k = (rotate(each, self.rotary_dim, self.rope_base) for each in (q, k))
        if cache:
            k, v = (store(each, new) for each, new in zip(cache, (k, v), strict=True))
        masked = self.window and not cache
        mask = window_mask(x.shape[1], self.window, x.device) if masked and self.window else None
        causal = self.causal and mask is None and not cache
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=self.grouped
        )
        mixed = apply_if(self.inner_norm, mixed.transpose(1, 2).flatten(-2))  # (b, s, h * e)
        return apply_if(self.output, mixed)  # (b, s, t)


class DecoderLayer(nn.Module):
    """Attention and feed-forward of any kind, each added to what it started from.

    Gemma's norms multiply by 1 + weight; here the weight is the factor itself.
    """

    def __init__(
        self,
        *,
        width: int,
        attention: nn.Module,
        feed_forward: nn.Module,
        norm: DecoderNorm = "rms",
        norm_placement: Literal["pre", "sandwich", "parallel"] = "pre",
        eps: float = 1e-6,
    ) -> None:
        super().__init__()

        def new_norm(*, wanted: bool) -> nn.Module | None:
            return build_decoder_norm(norm, width, eps=eps) if wanted else None

        sandwich = norm_placement == "sandwich"
        self.attention_norm = build_decoder_norm(norm, width, eps=eps)
        self.attention = attention
        self.after_attention_norm = new_norm(wanted=sandwich)
        self.feed_forward_norm = new_norm(wanted=norm_placement != "parallel")
        self.feed_forward = feed_forward
        self.after_feed_forward_norm = new_norm(wanted=sandwich)

    def forward(self, x: Tensor, *cache: Tensor) -> Tensor:
        """Return hidden states (b, s, t) of the same shape; `cache` is for the attention."""
        normed = self.attention_norm(x)  # (b, s, t)
        mixed = self.attention(normed, *cache)
        attended = x + apply_if(self.after_attention_norm, mixed)  # (b, s, t)
        if self.feed_forward_norm is not None:
            normed = self.feed_forward_norm(attended)
        hidden = apply_if(self.after_feed_forward_norm, self.feed_forward(normed))
        return attended + hidden  # (b, s, t)


class DecoderModel(nn.Module):
    """Embedding, layers, final norm and head."""

    def __init__(
        self,
        *,
        layers: Iterable[DecoderLayer],
        width: int,
        vocab_size: int,
        norm: DecoderNorm = "rms",
        tied_embeddings: bool = False,
        head_bias: bool = False,
        extra_embeddings: int = 0,
        learned_positions: int = 0,
        position_offset: int = 0,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.vocab_size, self.position_offset = vocab_size, position_offset
        self.embedding = nn.Embedding(vocab_size + extra_embeddings, width)
        self.positions = None
        if learned_positions:
            self.positions = nn.Embedding(learned_positions + position_offset, width)
        self.layers = nn.ModuleList(layers)
        self.final_norm = build_decoder_norm(norm, width, eps=eps)
        self.head = None if tied_embeddings else nn.Linear(width, vocab_size, bias=head_bias)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Return the vectors of text, without positions."""
        vectors: Tensor = self.embedding(token_ids)  # (b, s, t)
        return vectors

    def place(self, x: Tensor, num_positions: int) -> Tensor:
        """Return vectors (b, s, t), the last of so many, with learned positions added, if any."""
        if self.positions is None:
            return x
        end = self.position_offset + num_positions
        return x + self.positions(torch.arange(end - x.shape[1], end, device=x.device))

    def forward(self, x: Tensor, logits: Literal["last", "all", "none"] = "all") -> Tensor:
        """Return logits of token ids (b, s) or of vectors (b, s, t); hidden states for "none"."""
        if not x.is_floating_point():
            x = self.embed(x)
        x = self.place(x, x.shape[1])
        for layer in self.layers:
            x = layer(x)
        x = self.final_norm(x)
        if logits == "none":
            return x  # (b, s, t)
        return self.predict(x[:, -1:] if logits == "last" else x)

    def predict(self, x: Tensor) -> Tensor:
        """Return the logits of hidden states."""
        if self.head is None:
            return F.linear(x, self.embedding.weight[: self.vocab_size])  # (b, s, vocab)
        out: Tensor = self.head(x)  # (b, s, vocab)
        return out
