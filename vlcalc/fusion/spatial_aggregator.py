"""Spatial Vision Aggregator: each query reads its own window of the grid of every encoder.

Source: Cambrian-1, arXiv:2406.16860, section 4; cambrian-mllm/cambrian
cambrian/model/cambrian_arch.py and cambrian/model/vision_sampler.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import Depth, NonNegativeInt, PositiveInt
from vlcalc.core.division import divide
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import (
    attention_flops,
    linear_flops,
    linear_params,
    mlp_flops,
    mlp_params,
    norm_params,
)
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("spatial_aggregator")
class SpatialAggregator(Fusion):
    """Several encoders into one grid of queries, and more of the same between the LLM's layers.

    Each encoder's grid is first stretched to query side times window side, which costs no
    parameters; the grid of the dims is not used. A learned newline closes each row of queries.

    Attributes:
        window_sides: side of the window that a query reads, for each encoder.
        vision_widths: width of each encoder's visual tokens; where not given, all are the dims'.
        num_queries: queries of one image, a square number.
        width: width inside.
        depth: aggregator layers before the language model.
        num_inserted: single-layer aggregators between the language model's layers.
    """

    module: ClassVar[str] = "spatial_aggregator.SpatialVisionAggregator"
    taxonomy: ClassVar[Taxonomy] = "mid"
    llm_modified: ClassVar[bool] = True
    token_effect: ClassVar[str] = "resampled to a grid of queries, newline per row"
    spatial_detail: ClassVar[str] = "grid of windows"

    kind: Literal["spatial_aggregator"]
    window_sides: tuple[PositiveInt, ...] = (1, 1, 1, 4)
    vision_widths: tuple[PositiveInt, ...] | None = None
    num_queries: PositiveInt = 576
    width: PositiveInt = 1024
    depth: Depth = 3
    num_heads: PositiveInt = 16
    num_inserted: NonNegativeInt = 10

    def check(self, dims: Dims) -> None:
        divide(self.width, self.num_heads, whole_name="width", part_name="num_heads")
        if len(self._widths(dims)) != len(self.window_sides):
            raise InputError(
                expected=f"as many `vision_widths` as `window_sides` ({len(self.window_sides)})",
                got=str(len(self._widths(dims))),
            )
        if self._side**2 != self.num_queries:
            raise InputError(expected="`num_queries` that is a square", got=str(self.num_queries))
        if self.num_inserted > dims.text_depth:
            raise InputError(
                expected=f"`num_inserted` of at most `text_depth` ({dims.text_depth})",
                got=str(self.num_inserted),
            )

    def check_encoders(self, widths: Sequence[int]) -> None:
        own = self.vision_widths or tuple(widths[:1]) * len(self.window_sides)
        if own != tuple(widths):
            raise InputError(
                expected=f"encoders of the widths that `fusion` reads, {list(own)}",
                got=str(list(widths)),
            )

    @property
    def _side(self) -> int:
        return math.isqrt(self.num_queries)

    @property
    def _window_areas(self) -> list[int]:
        return [side**2 for side in self.window_sides]

    def _widths(self, dims: Dims) -> tuple[int, ...]:
        return self.vision_widths or (dims.vision_width,) * len(self.window_sides)

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * (self.num_queries + self._side)

    def num_params(self, dims: Dims) -> int:
        width, text = self.width, dims.text_width
        encoders = sum(
            mlp_params([vision, width, width]) + norm_params(width) for vision in self._widths(dims)
        )
        readout = mlp_params([width, text, text])
        query_and_newline = width + text
        sampler = self.depth * self._layer_params(width)
        inserted = self.num_inserted * self._layer_params(text)
        return encoders + query_and_newline + sampler + readout + inserted

    def _layer_params(self, query_width: int) -> int:
        width = self.width
        normed_matrix = norm_params(width) + linear_params(width, width, bias=False)
        window_attention = (1 + 2 * len(self.window_sides)) * normed_matrix + width**2
        context = width**2
        into = (query_width + width) * width
        back = mlp_params([width, width, query_width], bias=False)
        positions = sum(area for area in self._window_areas if area > 1) * width
        return context + into + window_attention + norm_params(width) + back + positions

    def num_flops(self, dims: Dims) -> int:
        width, text = self.width, dims.text_width
        rows = dims.num_inputs * self.num_queries
        encoders = sum(
            mlp_flops(rows * area, [vision, width, width])
            for vision, area in zip(self._widths(dims), self._window_areas, strict=True)
        )
        sampler = self.depth * self._layer_flops(rows, width)
        readout = mlp_flops(rows, [width, text, text])
        return encoders + sampler + readout + self.num_inserted * self._layer_flops(rows, text)

    def _layer_flops(self, rows: int, query_width: int) -> int:
        width, keys = self.width, sum(self._window_areas)
        context = linear_flops(rows, width, width)
        into = linear_flops(rows, query_width + width, width)
        query_and_output = 2 * linear_flops(rows, width, width)
        keys_and_values = 2 * linear_flops(rows * keys, width, width)
        attention = query_and_output + keys_and_values + attention_flops(rows, 1, keys, width)
        return context + into + attention + mlp_flops(rows, [width, width, query_width])

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        import torch

        return tuple(
            torch.randn(dims.num_inputs, self.num_queries * area, width, device=device)
            for width, area in zip(self._widths(dims), self._window_areas, strict=True)
        )

    def module_arguments(self, dims: Dims) -> dict[str, object]:
        return {"vision_widths": self._widths(dims)}
