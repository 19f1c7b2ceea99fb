"""How a tensor lies in memory, as far as a kernel's time depends on it."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Layout = Literal["contiguous", "channels_last", "strided"]


def layout_of(tensor: Tensor) -> Layout:
    """Return the layout that torch's kernels choose by.

    A batch of one whose batch stride says nothing is not taken for channels-last, even where it
    is: kernels copy it first.
    Source: pytorch c10/core/MemoryFormat.h::is_channels_last_strides_2d_s4.
    """
    if tensor.is_contiguous():
        return "contiguous"
    return "channels_last" if _looks_channels_last(tensor) else "strided"


def _looks_channels_last(tensor: Tensor) -> bool:
    if tensor.ndim != 4 or tensor.stride(1) == 0:
        return False
    least = 0
    for axis in (1, 3, 2, 0):
        size, stride = tensor.shape[axis], tensor.stride(axis)
        if size == 0 or stride < least or (axis == 0 and least == tensor.stride(1)):
            return False
        least = stride * max(size, 1)
    return True


def run_bytes(tensor: Tensor) -> int:
    """Return the bytes that lie side by side when a tensor is read in the order of its axes."""
    run = 1
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.stride()), strict=True):
        if size != 1 and stride != run:
            break
        run *= size
    return run * tensor.itemsize
