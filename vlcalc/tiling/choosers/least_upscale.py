"""Least upscale: the grid that enlarges the image least, else the one that shrinks it least.

One rule under five names. Its authors write ties down differently (first of a list sorted by area,
smallest canvas), but two grids of equal scale and area are never both the smallest of that scale.
Some compute in single precision; two scales that differ do so by over 1 / (tiles x pixels), which
single precision still tells apart for sides of 100,000 px.

Source: transformers `models/mllama/image_processing_mllama.py::get_optimal_tiled_canvas`,
`models/llama4/image_processing_llama4.py::get_best_fit`,
`models/cohere2_vision/image_processing_cohere2_vision.py::get_optimal_tiled_canvas`,
`models/molmo2/image_processing_molmo2.py::select_tiling`; allenai/molmo
`olmo/data/model_preprocessor.py::select_tiling`.
"""

from __future__ import annotations

import math
from typing import Literal

from vlcalc.core.bounds import NonNegativeInt, Tiles
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, SINGLE_TILE, Chooser, TileGrid
from vlcalc.tiling.grids import grids_by_area


@CHOOSERS.register("least_upscale")
class LeastUpscale(Chooser):
    """Smallest scale of at least 1, else the largest scale; fewest tiles on a tie.

    Attributes:
        max_tiles: most tiles of a grid.
        margin: pixels of each side that no tile but the outermost cover (Molmo's overlap); the
            scale is of the rest of the image to the rest of the tiles.
    """

    kind: Literal["least_upscale"]
    max_tiles: Tiles
    margin: NonNegativeInt = 0

    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        across = self._scales(image.width, tile)
        down = self._scales(image.height, tile)
        enlarging, enlarged = math.inf, SINGLE_TILE
        shrinking, shrunk = -math.inf, SINGLE_TILE
        for grid in grids_by_area(1, self.max_tiles):
            scale = min(across[grid[0] - 1], down[grid[1] - 1])
            if scale >= 1:
                if scale < enlarging:
                    enlarging, enlarged = scale, grid
            elif scale > shrinking:
                shrinking, shrunk = scale, grid
        # Both sides as long as the margin scale without end; the smallest grid is right then.
        return shrunk if enlarging == math.inf else enlarged

    def _scales(self, side: int, tile: int) -> tuple[float, ...]:
        """Return the scale of 1, 2, ... tiles along a side."""
        window, rest = tile - self.margin, side - self.margin
        if rest == 0:
            return (math.inf,) * self.max_tiles
        return tuple(count * window / rest for count in range(1, self.max_tiles + 1))

    @property
    def rule(self) -> str:
        return (
            f"least enlargement among grids of up to {self.max_tiles} tiles, "
            "else least reduction; fewest tiles on a tie"
        )
