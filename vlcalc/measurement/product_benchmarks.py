"""Micro-benchmarks of operators that contract: products, attention, convolutions."""

from __future__ import annotations

from math import prod

import torch
from torch.nn import functional as F  # noqa: N812

from vlcalc.cost.layouts import Layout
from vlcalc.measurement.microbenchmark import (
    LAYOUTS,
    Axes,
    Buffer,
    Make,
    RateGrid,
    Run,
    Sizes,
    image_of,
)


def _flops(sizes: Sizes) -> int:
    return 2 * sizes["rows"] * sizes["columns"] * sizes["inner"]


def _batch(sizes: Sizes) -> int:
    """Return so many small products that starting them costs little beside them."""
    by_work, by_size = 2**24 // prod(sizes.values()), 2**22 // (sizes["columns"] * sizes["inner"])
    return max(4, min(2048, by_work, by_size))


def products(*, large: bool) -> list[RateGrid]:
    """Return those of matrix products and attention; `large`: for what is fast enough for it."""
    more = (4096, 16384) if large else ()
    sides: Axes = {"columns": (64, 512, 4096), "inner": (128, 1024, 4096)}
    wide: Axes = {"rows": (1, 4, 16, 32, 64, 256, 1024, *more), **sides}
    few: Axes = {"rows": (1, 4, 16), "columns": (64, 512, 1024), "inner": (128, 1024, 4096)}
    heads: Axes = {
        "rows": (1, 32, 256, 1024, *more[:1]),
        "columns": (4, 32, 512, 2048, *(2 * rows for rows in more[:1])),
        "inner": (64, 128),
    }
    stacked: Axes = {"rows": (1, 32, 128, 512), "columns": (4, 64, 512), "inner": (64, 512)}
    return [
        RateGrid("addmm", wide, _linear, _flops),
        RateGrid("addmm/cached", few, _cached(_linear), _flops),
        RateGrid("mm/cached", few, _cached(_plain_linear), _flops),
        RateGrid("bmm", stacked, _stacked, lambda sizes: _batch(sizes) * _flops(sizes)),
        RateGrid("attention", heads, _attention, lambda sizes: 2 * _batch(sizes) * _flops(sizes)),
    ]


def _linear(buffer: Buffer, sizes: Sizes) -> Run:
    x = buffer.values(sizes["rows"], sizes["inner"])
    bias = buffer.values(sizes["columns"])
    weights = buffer.weights(sizes["columns"], sizes["inner"])
    return lambda: F.linear(x, next(weights), bias)


def _plain_linear(buffer: Buffer, sizes: Sizes) -> Run:
    x = buffer.values(sizes["rows"], sizes["inner"])
    weights = buffer.weights(sizes["columns"], sizes["inner"])
    return lambda: F.linear(x, next(weights))


def _cached(make: Make) -> Make:
    """Return the same with weights that are always those of one place."""

    def cached(buffer: Buffer, sizes: Sizes) -> Run:
        with buffer.few_weights():
            return make(buffer, sizes)

    return cached


def _stacked(buffer: Buffer, sizes: Sizes) -> Run:
    batch = _batch(sizes)
    left = buffer.values(batch, sizes["rows"], sizes["inner"])
    right = buffer.values(batch, sizes["inner"], sizes["columns"])
    return lambda: torch.bmm(left, right)


def _attention(buffer: Buffer, sizes: Sizes) -> Run:
    """Let heads lie side by side, as the linear layer before leaves them."""
    batch, width = _batch(sizes), sizes["inner"]
    lengths = (sizes["rows"], sizes["columns"], sizes["columns"])
    query, key, value = (
        buffer.values(1, length, batch, width).transpose(1, 2) for length in lengths
    )
    return lambda: F.scaled_dot_product_attention(query, key, value)


def convolutions() -> list[RateGrid]:
    """Return those of convolutions: of single places, of squares, of each channel by itself."""
    dense: Axes = {"rows": (1, 16, 144, 576), "columns": (256, 2048), "inner": (256, 2048)}
    spatial: Axes = {"rows": (144, 576, 2304), "columns": (64, 512), "inner": (9 * 16, 9 * 128)}
    depthwise: Axes = {"batch": (256, 1024, 4096), "rows": (144, 576, 2304)}
    return [
        RateGrid("convolution", dense, _pointwise, _flops),
        RateGrid("convolution/spatial", spatial, _spatial, _flops),
        *(
            RateGrid(
                f"convolution/depthwise/{layout}",
                depthwise,
                _depthwise(layout),
                lambda sizes: 2 * 9 * sizes["batch"] * sizes["rows"],
            )
            for layout in LAYOUTS
        ),
    ]


def _pointwise(buffer: Buffer, sizes: Sizes) -> Run:
    image = image_of(buffer, "contiguous", sizes["inner"], sizes["rows"])
    weights = buffer.weights(sizes["columns"], sizes["inner"], 1, 1)
    return lambda: F.conv2d(image, next(weights))


def _spatial(buffer: Buffer, sizes: Sizes) -> Run:
    image = image_of(buffer, "contiguous", sizes["inner"] // 9, sizes["rows"])
    weights = buffer.weights(sizes["columns"], sizes["inner"] // 9, 3, 3)
    return lambda: F.conv2d(image, next(weights), padding=1)


def _depthwise(layout: Layout) -> Make:
    def make(buffer: Buffer, sizes: Sizes) -> Run:
        image = image_of(buffer, layout, sizes["batch"], sizes["rows"])
        weights = buffer.weights(sizes["batch"], 1, 3, 3)
        return lambda: F.conv2d(image, next(weights), padding=1, groups=sizes["batch"])

    return make
