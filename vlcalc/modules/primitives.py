"""Parts that several fusion methods share: attention, feed-forward, norms, gates.

Every attention goes through `scaled_dot_product_attention` and every contraction through a linear
layer, a matrix product or a convolution, so that a counter on the meta device sees all of them.

Source: Vaswani et al., arXiv:1706.03762, section 3; grouped queries from arXiv:2305.13245; SwiGLU
from arXiv:2002.05202; the tanh gate from Flamingo, arXiv:2204.14198, section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.core.division import divide
from vlcalc.core.errors import InputError

Activation = Literal["gelu", "gelu_tanh", "relu", "silu", "squared_relu", "tanh"]
Norm = Literal["layer", "rms"]
KeysValues = tuple[Tensor, Tensor]  # (b, h_kv, n, e), twice


class SquaredReLU(nn.Module):
    """Square what ReLU lets through, as Flamingo's feed-forward does (arXiv:2109.08668)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x).square()


_ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "squared_relu": SquaredReLU,
    "tanh": nn.Tanh,
}


def build_activation(name: Activation) -> nn.Module:
    """Return a new activation module.

    Raises:
        InputError: `name` is none of the activations known here.
    """
    if name not in _ACTIVATIONS:
        known = ", ".join(f"`{known}`" for known in _ACTIVATIONS)
        raise InputError(expected=f"an activation: {known}", got=f"`{name}`")
    return _ACTIVATIONS[name]()


def build_norm(kind: Norm, width: int, *, eps: float) -> nn.Module:
    """Return a LayerNorm (2 x width parameters) or an RMSNorm (width parameters)."""
    return nn.LayerNorm(width, eps=eps) if kind == "layer" else nn.RMSNorm(width, eps=eps)


def check_grid(columns: int, rows: int, side: int, *, side_name: str) -> None:
    """Refuse a grid that squares of `side` do not fill.

    Raises:
        InputError: `side` does not divide the columns or the rows; the message names both.
    """
    divide(columns, side, part_name=side_name, whole_name="columns")
    divide(rows, side, part_name=side_name, whole_name="rows")


def apply_if(module: nn.Module | None, x: Tensor) -> Tensor:
    """Return module(x), or x where there is no module; `nn.Identity` would look never called."""
    return x if module is None else module(x)


def split_heads(x: Tensor, head_dim: int) -> Tensor:
    """Turn (b, s, h * e) into (b, h, s, e)."""
    return x.unflatten(-1, (-1, head_dim)).transpose(1, 2)


def store(cache: Tensor, new: Tensor) -> Tensor:
    """Write the newest positions at the end of a cache, and return all of it."""
    cache[..., -new.shape[-2] :, :] = new
    return cache


class Attention(nn.Module):
    """Multi-head attention from `width` to keys and values of any other width.

    `num_kv_heads` below `num_heads` shares each key/value head among several query heads;
    `qk_norm` normalises queries and keys per head; `bias` is that of the q, k and v projections.
    """

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        key_width: int | None = None,
        value_width: int | None = None,
        head_dim: int | None = None,
        num_kv_heads: int | None = None,
        bias: bool = False,
        out_bias: bool | None = None,
        output_projection: bool = True,
        qk_norm: Norm | None = None,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if head_dim is None:
            head_dim = divide(width, num_heads, part_name="num_heads", whole_name="width")
        num_kv_heads = num_kv_heads or num_heads
        divide(num_heads, num_kv_heads, part_name="num_kv_heads", whole_name="num_heads")
        key_width = key_width or width
        self.head_dim = head_dim
        self.grouped = num_kv_heads != num_heads
        self.query = nn.Linear(width, num_heads * head_dim, bias=bias)
        self.key = nn.Linear(key_width, num_kv_heads * head_dim, bias=bias)
        self.value = nn.Linear(value_width or key_width, num_kv_heads * head_dim, bias=bias)
        self.query_norm = build_norm(qk_norm, head_dim, eps=eps) if qk_norm else None
        self.key_norm = build_norm(qk_norm, head_dim, eps=eps) if qk_norm else None
        self.output = None
        if output_projection:
            out_bias = bias if out_bias is None else out_bias
            self.output = nn.Linear(num_heads * head_dim, width, bias=out_bias)

    def keys_values(self, context: Tensor, values: Tensor | None = None) -> KeysValues:
        """Return the key and value heads of `context`: what a cache keeps."""
        values = context if values is None else values
        k = split_heads(self.key(context), self.head_dim)  # (b, h_kv, n, e)
        v = split_heads(self.value(values), self.head_dim)  # (b, h_kv, n, e)
        return apply_if(self.key_norm, k), v

    def forward(
        self,
        x: Tensor,
        context: Tensor | KeysValues | None = None,
        *,
        values: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Attend from `x` to `context` (to itself by default), or to the heads that a cache keeps.

        `mask` is True where it may.
        """
        q = apply_if(self.query_norm, split_heads(self.query(x), self.head_dim))  # (b, h, s, e)
        if isinstance(context, tuple):
            k, v = context
        else:
            k, v = self.keys_values(x if context is None else context, values)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=self.grouped)
        return apply_if(self.output, mixed.transpose(1, 2).flatten(-2))  # (b, s, width)


class FeedForward(nn.Module):
    """Linear, activation, Linear; with `gated`, an activated branch multiplies a second one."""

    def __init__(
        self,
        *,
        width: int,
        hidden_width: int,
        out_width: int | None = None,
        activation: Activation = "gelu",
        bias: bool = True,
        gated: bool = False,
    ) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden_width, bias=bias)
        self.gate = nn.Linear(width, hidden_width, bias=bias) if gated else None
        self.activation = build_activation(activation)
        self.down = nn.Linear(hidden_width, out_width or width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        if self.gate is None:
            hidden = self.activation(self.up(x))  # (b, s, hidden)
        else:
            hidden = self.activation(self.gate(x)) * self.up(x)  # (b, s, hidden)
        return self.down(hidden)


def build_mlp(
    widths: list[int], *, activation: Activation = "gelu", bias: bool = True
) -> nn.Sequential:
    """Return Linear layers of these widths with the activation between them, not after."""
    layers: list[nn.Module] = []
    for in_width, out_width in pairwise(widths):
        if layers:
            layers.append(build_activation(activation))
        layers.append(nn.Linear(in_width, out_width, bias=bias))
    return nn.Sequential(*layers)


class GatedUnit(nn.Module):
    """Multiply one half of the channels by the activated other half, the second."""

    def __init__(self, *, activation: Activation) -> None:
        super().__init__()
        self.activation = build_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        values, gates = x.chunk(2, dim=-1)
        return values * self.activation(gates)


def build_gated_mlp(
    widths: list[int], *, activation: Activation = "silu", bias: bool = True
) -> nn.Sequential:
    """Return Linear layers of these widths; all but the last are gated (arXiv:2002.05202)."""
    layers: list[nn.Module] = []
    for in_width, out_width in pairwise(widths[:-1]):
        layers += [nn.Linear(in_width, 2 * out_width, bias=bias), GatedUnit(activation=activation)]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1], bias=bias))


class TanhGate(nn.Module):
    """Scale by tanh(alpha); alpha starts at zero, so that the gated branch adds exactly nothing."""

    def __init__(self, *, width: int = 1) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.alpha) * x


class LearnedTokens(nn.Module):
    """Learned vectors, one sequence of them for every element of the batch."""

    def __init__(self, *, num_tokens: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_tokens, width).normal_(std=0.02))

    def forward(self, batch_size: int) -> Tensor:
        return self.weight.expand(batch_size, -1, -1)  # (b, m, width)


class PostNormLayer(nn.Module):
    """A transformer encoder layer as first published: a norm after each addition.

    Source: Vaswani et al., arXiv:1706.03762, section 3.1; BERT and torch's
    `nn.TransformerEncoderLayer` are the same layer.
    """

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        hidden_width: int,
        activation: Activation = "gelu",
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        self.attention = Attention(width=width, num_heads=num_heads, bias=True)
        self.attention_norm = nn.LayerNorm(width, eps=eps)
        self.feed_forward = FeedForward(
            width=width, hidden_width=hidden_width, activation=activation
        )
        self.feed_forward_norm = nn.LayerNorm(width, eps=eps)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.attention_norm(x + self.attention(x, mask=mask))  # (b, s, width)
        return self.feed_forward_norm(x + self.feed_forward(x))
