"""Covering: the fewest tiles that keep most of the image's pixels.

Source: transformers `models/ovis2/image_processing_ovis2.py::get_min_tile_covering_grid`.
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.bounds import PositiveFloat, Tiles
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, Chooser, TileGrid
from vlcalc.tiling.grids import grids_by_area


@CHOOSERS.register("covering")
class Covering(Chooser):
    """Cut the original; a cell longer than a tile is shrunk, and what is left of it is its cover.

    Attributes:
        max_tiles: most tiles of a grid.
        threshold: share of the pixels that has to be left.
    """

    kind: Literal["covering"]
    max_tiles: Tiles
    threshold: PositiveFloat

    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        # The list is written rows first here: that order decides between equal covers.
        covers = [
            (_cover(image, TileGrid(columns, rows), tile), TileGrid(columns, rows))
            for rows, columns in grids_by_area(1, self.max_tiles)
        ]
        enough = [item for item in covers if item[0] > self.threshold]
        if enough:
            return min(enough, key=lambda item: (item[1].num_tiles, -item[0]))[1]
        return min(covers, key=lambda item: (-item[0], item[1].num_tiles))[1]

    @property
    def rule(self) -> str:
        return (
            f"fewest of up to {self.max_tiles} tiles that keep over {self.threshold:.0%} "
            "of the pixels, else the most that can be kept"
        )


def _cover(image: ImageSize, grid: TileGrid, tile: int) -> float:
    """Return the share of the pixels that is left; the last row and column take the rest."""
    width, height = image
    columns, rows = grid
    cell_width, cell_height = width // columns, height // rows
    last_width = width - (columns - 1) * cell_width
    last_height = height - (rows - 1) * cell_height
    inner = [_kept(cell_width, cell_height, tile)] * (columns - 1)
    bottom = [_kept(cell_width, last_height, tile)] * (columns - 1)
    # Summed row by row, as in the source: floating-point sums depend on the order.
    upper = [*inner, _kept(last_width, cell_height, tile)] * (rows - 1)
    return sum([*upper, *bottom, _kept(last_width, last_height, tile)]) / (width * height)


def _kept(width: int, height: int, tile: int) -> float:
    longer, shorter = max(width, height), min(width, height)
    if longer > tile:
        return tile * (shorter / longer * tile)
    return longer * shorter
