"""Closest ratio: the grid whose aspect ratio is nearest to the image's.

Source: OpenGVLab/InternVL `internvl_chat/internvl/train/dataset.py::dynamic_preprocess`;
transformers `models/got_ocr2/image_processing_got_ocr2.py::get_optimal_tiled_canvas`.
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.bounds import PositiveInt, Tiles
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, Chooser, TileGrid
from vlcalc.tiling.grids import closest_grid


@CHOOSERS.register("closest_ratio")
class ClosestRatio(Chooser):
    """Smallest difference between columns / rows and width / height.

    Attributes:
        min_tiles: fewest tiles of a grid.
        max_tiles: most tiles of a grid.
    """

    kind: Literal["closest_ratio"]
    min_tiles: PositiveInt = 1
    max_tiles: Tiles

    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        return closest_grid(image, tile, self.min_tiles, self.max_tiles)

    @property
    def rule(self) -> str:
        return (
            f"closest aspect ratio among grids of {self.min_tiles} to {self.max_tiles} tiles; "
            "on a tie the larger grid if the image has over half its pixels"
        )
