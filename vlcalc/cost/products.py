"""The shape and the FLOPs of the contractions among dispatched `aten` operators.

What reaches a dispatch mode is one step below the names of a module's own code: a linear layer is
`addmm`, an einsum a `bmm`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from torch import Tensor

from vlcalc.cost.contraction import convolution_macs, trilinear_macs


class Product(NamedTuple):
    """`batch` products of (rows x inner) by (inner x columns).

    Of attention the batch is its heads, `columns` the keys, `inner` the width of a head; of a
    convolution the batch is its groups, `rows` the places of the grid, `inner` what one place sums
    over: `taps` places of the input, each with its channels.
    """

    batch: int
    rows: int
    columns: int
    inner: int
    flops: int
    taps: int = 1


Args = tuple[Any, ...]


def product_of(name: str, args: Args, out: Any) -> Product | None:
    """Return what an operator contracts; None when it contracts nothing.

    Args:
        name: of the operator, without overload.
        args: its positional arguments.
        out: what it gave.
    """
    formula = _FORMULAS.get(name.removesuffix("_"))
    return formula(args, out) if formula else None


def _product(batch: int, rows: int, columns: int, inner: int) -> Product:
    return Product(batch, rows, columns, inner, 2 * batch * rows * columns * inner)


def _matrices(left: Tensor, right: Tensor) -> Product:
    """Return the product of two stacks of matrices, or of two matrices."""
    *batch, rows, inner = left.shape
    return _product(prod(batch), rows, right.shape[-1], inner)


def _matrix_and_vector(matrix: Tensor) -> Product:
    rows, inner = matrix.shape
    return _product(1, rows, 1, inner)


def _sum_of_products(args: Args, _out: Any) -> Product:
    batch, rows, inner = args[1].shape
    return _product(1, rows, args[2].shape[-1], batch * inner)


def _convolution(args: Args, out: Any) -> Product:
    x, weight, transposed, groups = args[0], args[1], args[6], args[8]
    grid = x if transposed else out
    flops = 2 * convolution_macs(tuple(grid.shape), tuple(weight.shape))
    rows = grid.shape[0] * prod(grid.shape[2:])
    columns = weight.shape[1] if transposed else weight.shape[0] // groups
    inner = flops // (2 * groups * rows * columns)
    return Product(groups, rows, columns, inner, flops, prod(weight.shape[2:]))


def _attention(args: Args, _out: Any) -> Product:
    """Count scores and weighted sum; grouped queries change nothing, causal counts in full."""
    query, key, value = args[:3]
    batch, rows = prod(query.shape[:-2]), query.shape[-2]
    width, columns = query.shape[-1], key.shape[-2]
    flops = 2 * batch * rows * columns * (width + value.shape[-1])
    return Product(batch, rows, columns, width, flops)


def _trilinear(args: Args, _out: Any) -> Product:
    """Count `nn.Bilinear`, which torch takes for a product of three with added axes."""
    x, weight = args[0], args[1]
    outputs, first, second = weight.shape[-3:]
    rows = x.numel() // first
    return Product(outputs, rows, second, first, 2 * trilinear_macs(rows, (outputs, first, second)))


_FORMULAS: dict[str, Callable[[Args, Any], Product]] = {
    "mm": lambda args, _out: _matrices(args[0], args[1]),
    "bmm": lambda args, _out: _matrices(args[0], args[1]),
    "addmm": lambda args, _out: _matrices(args[1], args[2]),
    "baddbmm": lambda args, _out: _matrices(args[1], args[2]),
    "addbmm": _sum_of_products,
    "mv": lambda args, _out: _matrix_and_vector(args[0]),
    "addmv": lambda args, _out: _matrix_and_vector(args[1]),
    "dot": lambda args, _out: _product(1, 1, 1, args[0].numel()),
    "vdot": lambda args, _out: _product(1, 1, 1, args[0].numel()),
    "convolution": _convolution,
    "_scaled_dot_product_flash_attention": _attention,
    "_scaled_dot_product_efficient_attention": _attention,
    "_scaled_dot_product_cudnn_attention": _attention,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_trilinear": _trilinear,
}
