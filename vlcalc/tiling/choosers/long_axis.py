"""Long axis: crops along the long side of an elongated image (Gemma 3's pan and scan).

Source: transformers `models/gemma3/image_processing_gemma3.py::pan_and_scan_batched`.
"""

from __future__ import annotations

import math
from typing import Literal

from vlcalc.core.bounds import PositiveFloat, PositiveInt, Tiles
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, SINGLE_TILE, Chooser, TileGrid


@CHOOSERS.register("long_axis")
class LongAxis(Chooser):
    """About as many crops as the aspect ratio says, 2 at least.

    Attributes:
        min_ratio: long side over short side below which the image is not cut.
        min_crop: pixels that every side of a crop has to have.
        max_crops: most crops.
    """

    kind: Literal["long_axis"]
    min_ratio: PositiveFloat
    min_crop: PositiveInt
    max_crops: Tiles

    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        longer, shorter = max(image), min(image)
        if longer / shorter < self.min_ratio:
            return SINGLE_TILE
        wanted = min(longer // self.min_crop, math.floor(longer / shorter + 0.5))
        crops = min(max(wanted, 2), self.max_crops)
        if min(-(-longer // crops), shorter) < self.min_crop:
            return SINGLE_TILE
        return TileGrid(crops, 1) if image.width >= image.height else TileGrid(1, crops)

    @property
    def rule(self) -> str:
        return (
            f"2 to {self.max_crops} crops along the long side from a ratio of {self.min_ratio} on, "
            f"unless a crop had a side below {self.min_crop} px"
        )
