"""Ceil grid: as many tiles as cover the image, up to a cap, and a thumbnail.

Source: xAI image-understanding guide (2025), https://docs.x.ai/docs/guides/image-understanding:
(tiles + 1) x 256 tokens, tiles of 448 px, at most 6. How an image is laid on tiles is not said.
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.bounds import NonNegativeInt, PositiveInt, Tiles
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy
from vlcalc.tiling.scaling import ceil_div
from vlcalc.tiling.steps import vectors_step


@POLICIES.register("ceil_grid")
class CeilGrid(TilingPolicy):
    """A constant number of tokens for each tile; no resizing is known.

    Attributes:
        tile_size: side of a tile in pixels.
        tile_tokens: tokens of each tile.
        max_tiles: tiles at most; the layout of a capped image is unknown and stands as one row.
        thumbnails: tiles that are billed on top, for the whole image.
    """

    kind: Literal["ceil_grid"]
    tile_size: PositiveInt
    tile_tokens: PositiveInt
    max_tiles: Tiles
    thumbnails: NonNegativeInt = 1

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        columns, rows = (ceil_div(side, self.tile_size) for side in image)
        if columns * rows > self.max_tiles:
            columns, rows = self.max_tiles, 1
        tokens = self.tile_tokens * (columns * rows + self.thumbnails)
        return Tiling(image, columns, rows, views=(), image_tokens=tokens)

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        tiles, size = tiling.columns * tiling.rows, self.tile_size
        needed = " x ".join(str(ceil_div(side, size)) for side in image)
        grid = f"{needed} tiles of {size} x {size} px cover it, at most {self.max_tiles} are used"
        rule = f"{self.tile_tokens} for each of {tiles} tiles and {self.thumbnails} thumbnail"
        return (Step("tiles", f"{tiles} tiles", grid), vectors_step(tiling.image_tokens, rule))
