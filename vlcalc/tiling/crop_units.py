"""Crop units: square tiles whose side follows from the image's short side.

Source: Gemini API image-understanding page,
https://ai.google.dev/gemini-api/docs/image-understanding (it calls the rule rough); the clipped
unit of Gemini 1.5 is from the 2024 edition.
"""

from __future__ import annotations

import math
from typing import Literal

from vlcalc.core.bounds import PositiveFloat, PositiveInt
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy
from vlcalc.tiling.scaling import as_written, ceil_div
from vlcalc.tiling.steps import vectors_step


@POLICIES.register("crop_units")
class CropUnits(TilingPolicy):
    """A small image is one tile; a larger one is cut into squares of a unit, each scaled.

    Attributes:
        tile_tokens: tokens of each tile.
        tile_size: side in pixels that every tile is scaled to.
        small_side: an image with no side above this is one tile.
        unit_divisor: the unit is the short side divided by this, rounded down.
        min_unit: pixels of the unit at least.
        max_unit: pixels of the unit at most; None when there is no bound.
    """

    kind: Literal["crop_units"]
    tile_tokens: PositiveInt
    tile_size: PositiveInt = 768
    small_side: PositiveInt = 384
    unit_divisor: PositiveFloat = 1.5
    min_unit: PositiveInt = 1
    max_unit: PositiveInt | None = None

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        columns = rows = 1
        if max(image) > self.small_side:
            unit = self._unit(image)
            columns, rows = ceil_div(image.width, unit), ceil_div(image.height, unit)
        resized = ImageSize(columns * self.tile_size, rows * self.tile_size)
        return Tiling(resized, columns, rows, (), image_tokens=self.tile_tokens * columns * rows)

    def _unit(self, image: ImageSize) -> int:
        unit = math.floor(min(image) / as_written(self.unit_divisor))
        if self.max_unit is not None:
            unit = min(unit, self.max_unit)
        return max(unit, self.min_unit)

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        grid = f"{tiling.columns} x {tiling.rows} tiles"
        steps = [Step("tiles", grid, f"no side above {self.small_side} px")]
        if max(image) > self.small_side:
            bounds = f", {self.min_unit} to {self.max_unit} px" if self.max_unit else ""
            rule = f"short side / {self.unit_divisor:g}, rounded down{bounds}"
            unit = self._unit(image)
            steps = [
                Step("crop unit", f"{unit} px", rule),
                Step("tiles", grid, f"one for each started {unit} x {unit} px, columns x rows"),
            ]
        size = self.tile_size
        rule = f"{self.tile_tokens} for each tile, scaled to {size} x {size} px"
        return (*steps, vectors_step(tiling.image_tokens, rule))
