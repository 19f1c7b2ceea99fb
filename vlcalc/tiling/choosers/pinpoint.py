"""Pinpoint: among listed canvases, the one that keeps most of the image's pixels.

Source: haotian-liu/LLaVA `llava/mm_utils.py::select_best_resolution`; transformers
`models/llava_next/image_processing_llava_next.py`; deepseek-ai/DeepSeek-VL2
`deepseek_vl2/models/processing_deepseek_vl_v2.py`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from vlcalc.core.bounds import PositiveInt
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, Chooser, TileGrid
from vlcalc.tiling.grids import best_canvas

Sides = tuple[PositiveInt, PositiveInt]


@CHOOSERS.register("pinpoint")
class Pinpoint(Chooser):
    """Most effective pixels, then least waste; on a full tie the first listed canvas.

    Attributes:
        canvases: sides of the canvases, in multiples of `unit`, in the order of the list.
        order: which side each pair of `canvases` gives first.
        unit: pixels that the sides of `canvases` are multiples of.
    """

    kind: Literal["pinpoint"]
    canvases: Annotated[tuple[Sides, ...], Field(min_length=1)]
    order: Literal["height_width", "width_height"]
    unit: PositiveInt = 1

    @cached_property
    def _in_pixels(self) -> tuple[tuple[int, int], ...]:
        step = -1 if self.order == "height_width" else 1
        scaled = ((first * self.unit, second * self.unit) for first, second in self.canvases)
        return tuple((sides[::step][0], sides[::step][1]) for sides in scaled)

    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        canvas = self.canvas(image)
        return TileGrid(-(-canvas.width // tile), -(-canvas.height // tile))

    def canvas(self, image: ImageSize) -> ImageSize:
        """Return the canvas that the image is fitted into."""
        return ImageSize(*best_canvas(image, self._in_pixels))

    @property
    def rule(self) -> str:
        return (
            f"of {len(self.canvases)} canvases the one that keeps most pixels, "
            "then wastes least, then is listed first"
        )
