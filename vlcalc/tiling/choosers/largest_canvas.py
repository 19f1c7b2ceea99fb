"""Largest canvas: among the canvases that hold the image, the one that enlarges it most.

Source: transformers `models/perception_lm/image_processing_perception_lm.py`, methods
`_find_supported_aspect_ratios`, `_fit_image_to_canvas`, `_find_closest_aspect_ratio`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

from vlcalc.core.bounds import Tiles
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, Chooser, TileGrid


@CHOOSERS.register("largest_canvas")
class LargestCanvas(Chooser):
    """Largest fitted short side; where no canvas holds the image, the nearest aspect ratio.

    Attributes:
        max_tiles: most tiles of a grid.
    """

    kind: Literal["largest_canvas"]
    max_tiles: Tiles

    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        holding = [
            grid
            for grids in _by_ratio(self.max_tiles).values()
            for grid in grids
            if grid.columns * tile >= image.width and grid.rows * tile >= image.height
        ]
        if not holding:
            return _nearest_ratio(image.aspect_ratio, self.max_tiles)
        # Of equals the one that comes later in the list wins.
        return max(
            enumerate(holding), key=lambda item: (_fitted_short_side(image, item[1], tile), item[0])
        )[1]

    @property
    def rule(self) -> str:
        return (
            f"of the grids of up to {self.max_tiles} tiles that hold the image the one that "
            "enlarges it most, else the nearest aspect ratio"
        )


@cache
def _by_ratio(max_tiles: int) -> dict[float, tuple[TileGrid, ...]]:
    """Return the grids by columns / rows, the ratios in the order of first occurrence."""
    grids: dict[float, tuple[TileGrid, ...]] = {}
    for num_tiles in range(max_tiles, 0, -1):
        for columns in range(1, num_tiles + 1):
            if num_tiles % columns == 0:
                grid = TileGrid(columns, num_tiles // columns)
                ratio = grid.columns / grid.rows
                grids[ratio] = (*grids.get(ratio, ()), grid)
    return grids


def _fitted_short_side(image: ImageSize, grid: TileGrid, tile: int) -> float:
    """Return the short side of the image once it is fitted into the canvas."""
    width, height = image
    aspect_ratio = width / height
    scale = min(grid.columns * tile / width, grid.rows * tile / height)
    if aspect_ratio > 1:
        return math.floor(scale * width / aspect_ratio)
    if aspect_ratio < 1:
        return math.floor(scale * height * aspect_ratio)
    return scale * height


def _nearest_ratio(aspect_ratio: float, max_tiles: int) -> TileGrid:
    ratios = _by_ratio(max_tiles)
    if aspect_ratio >= 1:
        wide = max(ratio for ratio in ratios if ratio <= aspect_ratio)
        return max(ratios[wide], key=lambda grid: grid.columns)
    high = min(ratio for ratio in ratios if ratio > aspect_ratio)
    return max(ratios[high], key=lambda grid: grid.rows)
