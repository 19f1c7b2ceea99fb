"""Per tile: the vectors of one tile after those of another."""

from __future__ import annotations

from typing import Literal

from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import TileGrid
from vlcalc.tiling.layout import LAYOUTS, Laid, TileShape, TokenLayout


@LAYOUTS.register("per_tile")
class PerTile(TokenLayout):
    """Tile after tile, nothing between them but what `extra:` says."""

    kind: Literal["per_tile"] = "per_tile"

    def lay(self, image: ImageSize, grid: TileGrid, tile: TileShape) -> Laid:
        num_tiles = grid.num_tiles
        return Laid(num_tiles * tile.vectors, 0, num_tiles * tile.token_side)

    def describe(self, laid: Laid) -> str:
        return "tile after tile"
