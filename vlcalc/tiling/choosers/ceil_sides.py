"""Ceil sides: as many tiles as the sides need at native resolution, up to a cap.

Source: transformers `models/phi4_multimodal/image_processing_phi4_multimodal.py`, method
`dynamic_preprocess`.
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.bounds import Tiles
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, Chooser, TileGrid
from vlcalc.tiling.grids import closest_grid


@CHOOSERS.register("ceil_sides")
class CeilSides(Chooser):
    """Both sides up to whole tiles; above the cap the closest aspect ratio.

    Attributes:
        max_tiles: most tiles of a grid (`dynamic_hd`).
    """

    kind: Literal["ceil_sides"]
    max_tiles: Tiles

    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        grid = TileGrid(-(-image.width // tile), -(-image.height // tile))
        if grid.num_tiles <= self.max_tiles:
            return grid
        return closest_grid(image, tile, 1, self.max_tiles)

    @property
    def rule(self) -> str:
        return f"both sides up to whole tiles; above {self.max_tiles} tiles the closest ratio"
