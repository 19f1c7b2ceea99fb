"""Closed forms of the parts that resamplers and inserted layers share: attention, feed-forward.

Source: Vaswani et al., arXiv:1706.03762, section 3; grouped queries from arXiv:2305.13245.
"""

from __future__ import annotations

from typing import NamedTuple

from vlcalc.core.division import divide
from vlcalc.fusion.arithmetic import attention_flops, linear_flops, linear_params, norm_params
from vlcalc.fusion.choices import Norm


class AttentionShape(NamedTuple):
    """Multi-head attention with its projections, from `width` to keys of `key_width`.

    Attributes:
        inner_width: query heads times head width.
        kv_inner_width: key/value heads times head width.
        bias: whether the q, k and v projections have biases.
        out_bias: whether the output projection has one.
        output_projection: whether there is an output projection.
    """

    width: int
    key_width: int
    inner_width: int
    kv_inner_width: int
    bias: bool = False
    out_bias: bool = False
    output_projection: bool = True

    @property
    def num_params(self) -> int:
        """Parameters of all its projections."""
        query = linear_params(self.width, self.inner_width, bias=self.bias)
        key_and_value = 2 * linear_params(self.key_width, self.kv_inner_width, bias=self.bias)
        output = linear_params(self.inner_width, self.width, bias=self.out_bias)
        return query + key_and_value + self.output_projection * output

    @property
    def linears(self) -> tuple[tuple[int, int], ...]:
        """The (outputs, inputs) of all its projections."""
        keys_and_values = ((self.kv_inner_width, self.key_width),) * 2
        output = ((self.width, self.inner_width),) * self.output_projection
        return ((self.inner_width, self.width), *keys_and_values, *output)

    def num_flops(self, batch: int, queries: int, keys: int) -> int:
        """Return the FLOPs of `queries` that attend to `keys`, projections included."""
        query_side = 1 + self.output_projection
        return (
            query_side * linear_flops(batch * queries, self.width, self.inner_width)
            + 2 * linear_flops(batch * keys, self.key_width, self.kv_inner_width)
            + attention_flops(batch, queries, keys, self.inner_width)
        )


def plain_attention(
    width: int, *, key_width: int | None = None, bias: bool = True, output_projection: bool = True
) -> AttentionShape:
    """Return attention whose heads fill the width, with a bias on the output projection."""
    return AttentionShape(
        width=width,
        key_width=key_width or width,
        inner_width=width,
        kv_inner_width=width,
        bias=bias,
        out_bias=True,
        output_projection=output_projection,
    )


def feed_forward_matrices(*, gated: bool) -> int:
    """Return the matrices of a feed-forward: up and down, and the gate of a gated one."""
    return 3 if gated else 2


def qk_norm_params(head_dim: int, kind: Norm | None) -> int:
    """Return the parameters of a norm over each head of the queries and of the keys."""
    return 2 * norm_params(head_dim, kind) if kind else 0


def inner_width(width: int, num_heads: int, head_dim: int | None, *, width_name: str) -> int:
    """Return heads times head width; without a head width the heads share the width.

    Raises:
        InputError: the heads do not divide the width; both are named.
    """
    if head_dim is None:
        head_dim = divide(width, num_heads, whole_name=width_name, part_name="num_heads")
    return num_heads * head_dim
