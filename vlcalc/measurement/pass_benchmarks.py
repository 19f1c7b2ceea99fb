"""Micro-benchmarks of operators that go over their data: activations, norms, copies, resampling."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from vlcalc.cost.layouts import Layout
from vlcalc.measurement.microbenchmark import (
    LAYOUTS,
    Buffer,
    Make,
    RateGrid,
    Run,
    Sizes,
    image_of,
)
from vlcalc.spec.calibration import Quantity


def passes(*, large: bool, itemsize: int) -> list[RateGrid]:
    """Return the operators that go over their data, by the bytes in and out."""
    resampling = dict(_RESAMPLING)
    if itemsize < 4 and not large:
        # torch's CPU kernel for 16 bits has places in 16 bits too: it reads far outside of the
        # image where there are more. Source: pytorch aten/src/ATen/native/cpu/GridSamplerKernel.cpp
        del resampling["grid_sampler_2d"]
    # Not so large on a CPU that an output is fresh memory each time.
    most = (2**26, 2**28) if large else (48_000_000,)
    sizes = (2**15, 2**18, 2**21, 2**23, *most)
    single = {**_UNARY, **_BINARY}
    shaped: dict[str, tuple[Quantity, tuple[int, ...], Make]] = {
        "clone": ("run", (itemsize, 64, 256, 4096), _permuted_copy),
        "native_layer_norm": ("width", (256, 1024, 4096), _layer_norm),
        "_softmax": ("width", (4, 64, 1024, 8192), _softmax),
        "mean": ("factor", (4, 64, 1024), _reduction(torch.mean)),
        "sum": ("factor", (4, 64, 1024), _reduction(torch.sum)),
        "argmin": ("factor", (1024,), _reduction(torch.argmin)),
    }
    return [
        *(RateGrid(name, {"bytes": sizes}, make) for name, make in single.items()),
        *(
            RateGrid(name, {"bytes": (2**18, 2**23, *most), axis: values}, make)
            for name, (axis, values, make) in shaped.items()
        ),
        *(
            RateGrid(
                f"{name}/{layout}", {"bytes": (2**21, 2**23)}, _resampling(function, side, layout)
            )
            for name, (function, side) in resampling.items()
            for layout in LAYOUTS
        ),
    ]


def _elements(buffer: Buffer, sizes: Sizes, tensors: int) -> int:
    return max(1, sizes["bytes"] // (tensors * buffer.values(1).itemsize))


def _unary(function: Callable[[Tensor], Any]) -> Make:
    def make(buffer: Buffer, sizes: Sizes) -> Run:
        x = buffer.values(_elements(buffer, sizes, 2))
        return lambda: function(x)

    return make


def _binary(function: Callable[[Tensor, Tensor], Any]) -> Make:
    def make(buffer: Buffer, sizes: Sizes) -> Run:
        elements = _elements(buffer, sizes, 3)
        x, y = buffer.values(elements), buffer.values(elements)
        return lambda: function(x, y)

    return make


def _permuted_copy(buffer: Buffer, sizes: Sizes) -> Run:
    elements = _elements(buffer, sizes, 2)
    run = sizes["run"] // buffer.values(1).itemsize
    side = max(1, isqrt(elements // run))
    x = buffer.values(side, side, run).transpose(0, 1)
    return lambda: x.clone(memory_format=torch.contiguous_format)


def _rows(buffer: Buffer, sizes: Sizes, width: int, tensors: int = 2) -> Tensor:
    return buffer.values(max(1, _elements(buffer, sizes, tensors) // width), width)


def _layer_norm(buffer: Buffer, sizes: Sizes) -> Run:
    width = sizes["width"]
    x = _rows(buffer, sizes, width)
    weight, bias = buffer.values(width), buffer.values(width)
    return lambda: F.layer_norm(x, (width,), weight, bias)


def _softmax(buffer: Buffer, sizes: Sizes) -> Run:
    x = _rows(buffer, sizes, sizes["width"])
    return lambda: x.softmax(-1)


def _reduction(function: Callable[..., Any]) -> Make:
    def make(buffer: Buffer, sizes: Sizes) -> Run:
        factor = sizes["factor"]
        x = buffer.values(max(1, _elements(buffer, sizes, 1) // (factor + 1)), factor)
        return lambda: function(x, dim=-1)

    return make


def _resampling(function: Callable[[Tensor], Any], side: int, layout: Layout) -> Make:
    """Resample squares of 24 x 24 places to squares of another side."""

    def make(buffer: Buffer, sizes: Sizes) -> Run:
        places = 24 * 24 + side * side
        channels = max(1, _elements(buffer, sizes, 1) // places)
        image = image_of(buffer, layout, channels, 24 * 24)
        return lambda: function(image)

    return make


def _zeros(buffer: Buffer, sizes: Sizes) -> Run:
    """Half of the bytes twice, as all of them would be fresh memory."""
    x = buffer.values(_elements(buffer, sizes, 2))
    return lambda: (_zero(x), _zero(x))


def _zero(x: Tensor) -> Tensor:
    return torch.zeros(x.shape, dtype=x.dtype, device=x.device)


def _embedding(buffer: Buffer, sizes: Sizes) -> Run:
    table = next(buffer.weights(8192, 1024))
    number = max(1, _elements(buffer, sizes, 2) // 1024)
    ids = torch.randint(8192, (number,), device=table.device)
    return lambda: F.embedding(ids, table)


def _index(buffer: Buffer, sizes: Sizes) -> Run:
    x = _rows(buffer, sizes, 1024)
    order = torch.randperm(len(x), device=x.device)
    return lambda: x[order]


def _masked_scatter(buffer: Buffer, sizes: Sizes) -> Run:
    x = _rows(buffer, sizes, 1024, tensors=3)
    mask = torch.ones(len(x), 1, dtype=torch.bool, device=x.device).expand_as(x)
    source = x.clone()
    return lambda: x.masked_scatter(mask, source)


_UNARY: dict[str, Make] = {
    "gelu": _unary(F.gelu),
    "silu": _unary(F.silu),
    "relu": _unary(torch.relu),
    "tanh": _unary(torch.tanh),
    "sigmoid": _unary(torch.sigmoid),
    "hardswish": _unary(F.hardswish),
    "exp": _unary(torch.exp),
    "pow": _unary(lambda x: x.pow(2)),
    "rsqrt": _unary(torch.rsqrt),
    "constant_pad_nd": _unary(lambda x: F.pad(x, (0, 8))),
    "masked_fill": _unary(lambda x: x.masked_fill(x.new_zeros(1, dtype=torch.bool), 0.0)),
    "zeros": _zeros,
    "embedding": _embedding,
    "index": _index,
    "masked_scatter": _masked_scatter,
}
_BINARY: dict[str, Make] = {
    "add": _binary(torch.add),
    "mul": _binary(torch.mul),
    "sub": _binary(torch.sub),
    "div": _binary(torch.div),
    "cat": _unary(lambda x: torch.cat([x[: len(x) // 2], x[len(x) // 2 :]])),
}


def _grid(image: Tensor) -> Tensor:
    return torch.linspace(-1, 1, 2 * 24 * 24, dtype=image.dtype, device=image.device).view(
        1, 24, 24, 2
    )


_RESAMPLING: dict[str, tuple[Callable[[Tensor], Any], int]] = {
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2), 12),
    "_adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 12), 12),
    "upsample_bilinear2d": (lambda x: F.interpolate(x, (12, 12), mode="bilinear"), 12),
    "grid_sampler_2d": (lambda x: F.grid_sample(x, _grid(x), align_corners=False), 24),
    "upsample_bicubic2d": (lambda x: F.interpolate(x, (32, 32), mode="bicubic"), 32),
}
