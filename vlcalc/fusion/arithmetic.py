"""Closed forms of the layers that fusion methods are made of: parameters, and FLOPs for `rows`.

`rows` are all vectors that pass through a layer, over the whole batch. FLOPs are 2 per
multiply-accumulate; biases, norms, softmax and activations are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def linear_params(width_in: int, width_out: int, *, bias: bool = True) -> int:
    """Return the parameters of a linear layer."""
    return width_in * width_out + bias * width_out


def linear_flops(rows: int, width_in: int, width_out: int) -> int:
    """Return the FLOPs of a linear layer."""
    return 2 * rows * width_in * width_out


def mlp_params(widths: Sequence[int], *, bias: bool = True) -> int:
    """Return the parameters of linear layers from each width to the next."""
    return sum(linear_params(a, b, bias=bias) for a, b in pairwise(widths))


def mlp_flops(rows: int, widths: Sequence[int]) -> int:
    """Return the FLOPs of linear layers from each width to the next."""
    return sum(linear_flops(rows, a, b) for a, b in pairwise(widths))


def norm_params(width: int, kind: str = "layer") -> int:
    """Return the parameters of a LayerNorm (weight and bias) or an RMSNorm (weight)."""
    return 2 * width if kind == "layer" else width


def attention_flops(batch: int, queries: int, keys: int, inner_width: int) -> int:
    """Return the FLOPs of scores and weighted sum; `inner_width` is heads times head width.

    Causal attention is counted in full; grouped queries change nothing.
    """
    return 4 * batch * queries * keys * inner_width


def conv_params(
    width_in: int, width_out: int, kernel: int, *, groups: int = 1, bias: bool = True
) -> int:
    """Return the parameters of a convolution with a square kernel."""
    return width_in // groups * width_out * kernel**2 + bias * width_out


def conv_flops(
    positions: int, width_in: int, width_out: int, kernel: int, *, groups: int = 1
) -> int:
    """Return the FLOPs of a convolution with a square kernel that gives `positions` vectors."""
    return 2 * positions * (width_in // groups) * width_out * kernel**2


def encoder_layer_params(width: int, hidden_width: int) -> int:
    """Return the parameters of a transformer encoder layer: biases everywhere, two LayerNorms."""
    attention = 4 * linear_params(width, width)
    return attention + mlp_params([width, hidden_width, width]) + 2 * norm_params(width)


def encoder_layer_flops(batch: int, tokens: int, width: int, hidden_width: int) -> int:
    """Return the FLOPs of a transformer encoder layer over `tokens` that all see each other."""
    projections = 4 * linear_flops(batch * tokens, width, width)
    feed_forward = mlp_flops(batch * tokens, [width, hidden_width, width])
    return projections + attention_flops(batch, tokens, tokens, width) + feed_forward
