"""Multi-head latent attention: parameters, FLOPs and cached values in closed form.

Keys and values of all heads are made from one small latent vector a position, beside one rotated
key that the heads share; the cache holds these two alone.

Source: DeepSeek-V2, arXiv:2405.04434, section 2.1 and appendix C.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlcalc.backbones.language import Linear
from vlcalc.core.bounds import NonNegativeInt, PositiveInt
from vlcalc.tiling.base import Frozen

if TYPE_CHECKING:
    from vlcalc.modules.latent_attention import LatentSelfAttention


class LatentAttention(Frozen):
    """The widths of latents and heads.

    Attributes:
        query_rank: width of the queries' latent; 0 where queries are projected in one step.
        kv_rank: width of the latent that keys and values are made from.
        content_dim: width of the part of a query or key head that is not rotated.
        rotary_dim: width of the rotated part; the heads share one rotated key.
        value_dim: width of a value head.
    """

    query_rank: NonNegativeInt = 0
    kv_rank: PositiveInt
    content_dim: PositiveInt
    rotary_dim: PositiveInt
    value_dim: PositiveInt

    @property
    def cached_width(self) -> int:
        """Values that one position leaves in the cache of a layer."""
        return self.kv_rank + self.rotary_dim

    @property
    def query_dim(self) -> int:
        """Width of a query head, and of a key head once the latent is expanded."""
        return self.content_dim + self.rotary_dim

    def _fixed_weights(self, width: int, num_heads: int) -> int:
        """Return the weights that a position meets once: all but those that expand the latent."""
        queries = num_heads * self.query_dim
        per_query = self.query_rank * (width + queries) if self.query_rank else width * queries
        return per_query + width * self.cached_width + num_heads * self.value_dim * width

    def _expansion_weights(self, num_heads: int) -> int:
        return self.kv_rank * num_heads * (self.content_dim + self.value_dim)

    def num_params(self, width: int, num_heads: int) -> int:
        """Return the parameters of a layer's attention, the latents' norms included."""
        weights = self._fixed_weights(width, num_heads) + self._expansion_weights(num_heads)
        return weights + self.query_rank + self.kv_rank

    def linears(self, width: int, num_heads: int) -> tuple[Linear, ...]:
        """Return the linear weights of a layer's attention."""
        queries = num_heads * self.query_dim
        to_latent = ((self.query_rank, width),) * bool(self.query_rank)
        return (
            *to_latent,
            (queries, self.query_rank or width),
            (self.cached_width, width),
            (num_heads * (self.content_dim + self.value_dim), self.kv_rank),
            (width, num_heads * self.value_dim),
        )

    def projection_flops(
        self, width: int, num_heads: int, queries: int, keys: int, *, absorbed: bool
    ) -> int:
        """Return the FLOPs of all projections of a layer.

        Args:
            width: that of the model.
            num_heads: heads of queries.
            queries: new positions.
            keys: positions attended to; their latents are all expanded, also the cached ones,
                unless `absorbed`.
            absorbed: whether the expansion is moved into queries and outputs, which gives the same
                result and spares expanding the cache (arXiv:2405.04434, section 2.1.2).
        """
        expanded = queries if absorbed else keys
        fixed = queries * self._fixed_weights(width, num_heads)
        return 2 * (fixed + expanded * self._expansion_weights(num_heads))

    def attention_flops(self, num_heads: int, queries: int, keys: int, *, absorbed: bool) -> int:
        """Return the FLOPs of a layer's scores and weighted sums."""
        per_pair = self.query_dim + self.value_dim
        if absorbed:
            per_pair = self.cached_width + self.kv_rank
        return 2 * queries * keys * num_heads * per_pair

    def build(
        self, width: int, num_heads: int, *, rope_base: float, eps: float
    ) -> LatentSelfAttention:
        """Return the module, on the device that is current."""
        from vlcalc.modules.latent_attention import LatentSelfAttention

        return LatentSelfAttention(
            width=width,
            num_heads=num_heads,
            query_rank=self.query_rank,
            kv_rank=self.kv_rank,
            content_dim=self.content_dim,
            rotary_dim=self.rotary_dim,
            value_dim=self.value_dim,
            rope_base=rope_base,
            eps=eps,
        )
