"""Formulas for the operators of a traced graph, in the form that fvcore's analysis takes.

fvcore as shipped counts attention as nothing, a product whose second factor alone has the batch
short, `einsum` to four digits, and adds normalisation to the same total. Here a formula gives the
multiply-accumulates of a contraction from shapes alone; every other operator that computes gives
the elements it goes over, under a name of its own, so that an operator without formula stands out.

Source: facebookresearch/fvcore fvcore/nn/jit_handles.py (the interface, and what it lacks).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any

from vlcalc.cost.contraction import Shape, convolution_macs, einsum_macs, trilinear_macs
from vlcalc.cost.operators import ELEMENTWISE_NAMES

Handle = Callable[[list[Any], list[Any]], Counter[str]]

ELEMENTWISE = "elementwise."


def shape_of(value: Any) -> Shape | None:
    """Return the shape of a value of the graph; None when it is no tensor."""
    return tuple(value.type().sizes()) if value.isCompleteTensor() else None


def tensor_shape(value: Any) -> Shape:
    """Return the shape of a value that must be a tensor."""
    shape = shape_of(value)
    if shape is None:
        raise RuntimeError(f"a tensor of the trace has no complete shape: {value}")
    return shape


def integers(value: Any) -> list[int]:
    """Return a list of integers of the graph; [] for None."""
    if value.node().kind() == "prim::ListConstruct":
        return [item.toIValue() for item in value.node().inputs()]
    return value.toIValue() or []


def _product(name: str, factor: int) -> Handle:
    """Return the handle of a product: its output, times what the factor's last axis sums over."""

    def count(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
        summed = tensor_shape(inputs[factor])[-1]
        return Counter({name: prod(tensor_shape(outputs[0])) * summed})

    return count


def _batch_sum_product(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    batch, _, inner = tensor_shape(inputs[1])
    return Counter({"addbmm": prod(tensor_shape(outputs[0])) * batch * inner})


def _tensor_product(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    left = tensor_shape(inputs[0])
    summed = prod(left[axis] for axis in integers(inputs[2]))
    return Counter({"tensordot": prod(tensor_shape(outputs[0])) * summed})


def _attention(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    """Count scores and weighted sum; grouped queries change nothing, causal counts in full."""
    query, key = tensor_shape(inputs[0]), tensor_shape(inputs[1])
    *rows, value_width = tensor_shape(outputs[0])
    return Counter({"attention": prod(rows) * key[-2] * (query[-1] + value_width)})


def _convolution(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    transposed = bool(inputs[6].toIValue())
    grid = tensor_shape(inputs[0] if transposed else outputs[0])
    return Counter({"conv": convolution_macs(grid, tensor_shape(inputs[1]))})


def _padded_convolution(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    macs = convolution_macs(tensor_shape(outputs[0]), tensor_shape(inputs[1]))
    return Counter({"conv": macs})


def _einsum(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    shapes = [tensor_shape(value) for value in inputs[1].node().inputs()]
    path = integers(inputs[2]) if len(inputs) > 2 else None
    return Counter({"einsum": einsum_macs(inputs[0].toIValue(), shapes, path)})


def _bilinear(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    rows = prod(tensor_shape(inputs[0])[:-1])
    return Counter({"bilinear": trilinear_macs(rows, tensor_shape(inputs[2]))})


def _elementwise(name: str) -> Handle:
    """Return the handle of an operator that goes over elements: the largest tensor it touches."""

    def count(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
        shapes = (shape_of(value) for value in (*inputs, *outputs))
        elements = max((prod(shape) for shape in shapes if shape is not None), default=0)
        return Counter({ELEMENTWISE + name: elements})

    return count


CONTRACTIONS: dict[str, Handle] = {
    "linear": _product("linear", 0),
    "matmul": _product("matmul", 0),
    "mm": _product("matmul", 0),
    "bmm": _product("matmul", 0),
    "mv": _product("matmul", 0),
    "dot": _product("matmul", 0),
    "vdot": _product("matmul", 0),
    "inner": _product("matmul", 0),
    "addmm": _product("addmm", 1),
    "addmv": _product("addmv", 1),
    "baddbmm": _product("baddbmm", 1),
    "addbmm": _batch_sum_product,
    "tensordot": _tensor_product,
    "scaled_dot_product_attention": _attention,
    "_convolution": _convolution,
    "_convolution_mode": _padded_convolution,
    "einsum": _einsum,
    "bilinear": _bilinear,
}


def all_handles() -> dict[str, Handle]:
    """Return every operator's handle by its name in the graph, in-place forms included."""
    others = {name: _elementwise(name) for name in ELEMENTWISE_NAMES}
    handles: dict[str, Handle] = {}
    for name, handle in {**others, **CONTRACTIONS}.items():
        handles[f"aten::{name}"] = handle
        handles[f"aten::{name}_"] = handle
    return handles
