"""Multi-head latent attention, with the latent expanded or its expansion absorbed.

Source: DeepSeek-V2, arXiv:2405.04434, section 2.1 and appendix C.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.primitives import apply_if, split_heads, store
from vlcalc.modules.rotary import rotate


class LatentSelfAttention(nn.Module):
    """Causal self-attention whose keys and values come from one latent vector a position."""

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        query_rank: int = 0,
        kv_rank: int,
        content_dim: int,
        rotary_dim: int,
        value_dim: int,
        rope_base: float = 10_000.0,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.content_dim, self.rotary_dim, self.value_dim = content_dim, rotary_dim, value_dim
        self.rope_base = rope_base
        self.query_down = nn.Linear(width, query_rank, bias=False) if query_rank else None
        self.query_norm = nn.RMSNorm(query_rank, eps=eps) if query_rank else None
        query_width = num_heads * (content_dim + rotary_dim)
        self.query = nn.Linear(query_rank or width, query_width, bias=False)
        self.latent = nn.Linear(width, kv_rank + rotary_dim, bias=False)
        self.latent_norm = nn.RMSNorm(kv_rank, eps=eps)
        self.expand = nn.Linear(kv_rank, num_heads * (content_dim + value_dim), bias=False)
        self.output = nn.Linear(num_heads * value_dim, width, bias=False)

    def _queries(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the content and the rotated part of each query head."""
        latent = apply_if(self.query_norm, apply_if(self.query_down, x))
        q = split_heads(self.query(latent), self.content_dim + self.rotary_dim)
        content, rotary = q.split([self.content_dim, self.rotary_dim], dim=-1)
        return content, rotate(rotary, self.rotary_dim, self.rope_base)  # (b, h, s, e), twice

    def _cached(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what a cache would hold: the latent, and the key that all heads share."""
        latent, rotary = self.latent(x)[:, None].split(
            [self.latent_norm.weight.shape[0], self.rotary_dim], dim=-1
        )
        rotated = rotate(rotary, self.rotary_dim, self.rope_base)
        return self.latent_norm(latent), rotated  # (b, 1, s, rank), (b, 1, s, e)

    def forward(self, x: Tensor, *cache: Tensor, absorbed: bool = False) -> Tensor:
        """Return what each position reads: of those before it, or with a cache all of that.

        `cache` is latents and shared keys in one, (b, 1, n, rank + e), the last places for `x`;
        what is cached is attended to as it is, not expanded.
        """
        queries, cached = self._queries(x), self._cached(x)
        if cache or absorbed:
            joined = torch.cat(cached, dim=-1)  # (b, 1, s, rank + e)
            joined = store(cache[0], joined) if cache else joined
            mixed = self._absorbed(queries, joined, causal=not cache)
        else:
            mixed = self._expanded(queries, cached)
        out: Tensor = self.output(mixed.transpose(1, 2).flatten(-2))  # (b, s, t)
        return out

    def _expanded(self, queries: tuple[Tensor, Tensor], cached: tuple[Tensor, Tensor]) -> Tensor:
        latent, shared_key = cached
        heads = split_heads(self.expand(latent[:, 0]), self.content_dim + self.value_dim)
        content, v = heads.split([self.content_dim, self.value_dim], dim=-1)
        shared = shared_key.expand(-1, content.shape[1], -1, -1)
        q, k = torch.cat(queries, dim=-1), torch.cat([content, shared], dim=-1)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (b, h, s, value)

    def _absorbed(self, queries: tuple[Tensor, Tensor], cached: Tensor, *, causal: bool) -> Tensor:
        content, rotary = queries
        kinds = [self.content_dim, self.value_dim]
        rank = self.expand.in_features
        heads = self.expand.weight.view(-1, sum(kinds), rank)  # (h, content + value, rank)
        to_keys, to_values = heads.split(kinds, dim=1)
        q = torch.cat([content @ to_keys, rotary], dim=-1)  # (b, h, s, rank + rotary)
        scale = (self.content_dim + self.rotary_dim) ** -0.5
        mixed = F.scaled_dot_product_attention(
            q, cached, cached[..., :rank], is_causal=causal, scale=scale, enable_gqa=True
        )  # (b, h, s, rank)
        return mixed @ to_values.transpose(1, 2)  # (b, h, s, value)
