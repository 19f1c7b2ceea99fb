"""Stitched: the vectors of all tiles are put together again as one map, row by row.

Source: transformers `models/llava_next/modeling_llava_next.py` (`unpad_image`,
`pack_image_features`), `models/llava_onevision/modeling_llava_onevision.py` (`anyres_max`),
`models/phi4_multimodal/image_processing_phi4_multimodal.py` (`padding`); allenai/molmo
`olmo/data/model_preprocessor.py` (overlap).
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import model_validator

from vlcalc.core.bounds import NonNegativeInt, PositiveInt, Tiles
from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import TileGrid
from vlcalc.tiling.layout import LAYOUTS, Laid, TileShape, TokenLayout

# A map is only shrunk when its sides exceed the cap by more than this.
CAP_TOLERANCE = 1.1


@LAYOUTS.register("stitched")
class Stitched(TokenLayout):
    """One map of vectors, from which padding can be cut off and after whose rows newlines stand.

    Attributes:
        newline: whether a learned newline vector ends every row of the map.
        unpad: what is cut off the map: rows or columns beyond the image's aspect ratio
            (`ratio`, LLaVA), or those that hold only padding (`padding`, Phi-4); None keeps all.
        min_fitted_side: pixels that both sides of the image need once it is fitted into the
            canvas; below, the processor refuses it. For `unpad: padding` only.
        margin: patches that neighbouring tiles overlap by at each edge; the map is then merged
            after the tiles are put together, not tile by tile.
        max_tiles: tiles whose worth of vectors the map is shrunk to (`anyres_max_9`).
    """

    kind: Literal["stitched"]
    newline: bool = False
    unpad: Literal["ratio", "padding"] | None = None
    min_fitted_side: PositiveInt = 1
    margin: NonNegativeInt = 0
    max_tiles: Tiles | None = None

    @model_validator(mode="after")
    def _check_options(self) -> Stitched:
        if self.min_fitted_side > 1 and self.unpad != "padding":
            raise ValueError("expected `min_fitted_side` with `unpad: padding` only")
        return self

    def lay(self, image: ImageSize, grid: TileGrid, tile: TileShape) -> Laid:
        columns, rows = self._stitch(grid, tile)
        if self.unpad == "ratio":
            columns, rows = _cut_to_ratio(image, columns, rows)
        elif self.unpad == "padding":
            columns, rows = self._without_padding(image, grid, tile)
        if self.max_tiles is not None:
            columns, rows = _shrink(columns, rows, self.max_tiles * tile.vectors)
        return Laid(columns * rows, rows if self.newline else 0, rows)

    def canvas(self, grid: TileGrid, tile: TileShape) -> ImageSize:
        edges = 2 * self.margin * tile.patch
        width, height = (count * (tile.size - edges) + edges for count in grid)
        return ImageSize(width, height)

    def describe(self, laid: Laid) -> str:
        columns = laid.vectors // laid.token_rows if laid.token_rows else 0
        cut = {"ratio": ", cut to the image's ratio", "padding": ", without padding"}
        cap = f", about {self.max_tiles} tiles' worth at most" if self.max_tiles else ""
        overlap = f", tiles overlap by {self.margin} patches an edge" if self.margin else ""
        unpadded = cut.get(self.unpad or "", "")
        return f"one map of {columns} x {laid.token_rows} (columns x rows){overlap}{unpadded}{cap}"

    def _stitch(self, grid: TileGrid, tile: TileShape) -> tuple[int, int]:
        if not self.margin:
            return grid.columns * tile.token_side, grid.rows * tile.token_side
        edges = 2 * self.margin
        window = tile.num_patches_side - edges
        columns, rows = (count * window + edges for count in grid)
        return -(-columns // tile.merge), -(-rows // tile.merge)

    def _without_padding(
        self, image: ImageSize, grid: TileGrid, tile: TileShape
    ) -> tuple[int, int]:
        canvas = self.canvas(grid, tile)
        fitted = _fit(image, canvas)
        if min(fitted) < self.min_fitted_side:
            raise RefusedError(
                f"{image}: a side comes to under {self.min_fitted_side} px in a canvas of "
                f"{canvas} px, which the processor refuses"
            )
        columns, rows = (
            whole // tile.patch - (whole - used) // tile.patch
            for whole, used in zip(canvas, fitted, strict=True)
        )
        return -(-columns // tile.merge), -(-rows // tile.merge)


def _cut_to_ratio(image: ImageSize, columns: int, rows: int) -> tuple[int, int]:
    """Cut the same number of rows (or columns) off both edges, down to the image's ratio.

    Rounding to 7 digits saves exact ratios from floating-point noise, as in the source.
    """
    width, height = image
    if width / height > columns / rows:
        used = int(round(height * (columns / width), 7))
        return columns, rows - (rows - used) // 2 * 2
    used = int(round(width * (rows / height), 7))
    return columns - (columns - used) // 2 * 2, rows


def _shrink(columns: int, rows: int, max_vectors: int) -> tuple[int, int]:
    """Interpolate the map down to about `max_vectors` if it is well above them."""
    excess = math.sqrt(columns * rows / max_vectors)
    if excess <= CAP_TOLERANCE:
        return columns, rows
    return int(columns // excess), int(rows // excess)


def _fit(image: ImageSize, canvas: ImageSize) -> ImageSize:
    """Return the image's sides once it is scaled to fit into the canvas, whole pixels."""
    across, down = canvas.width / image.width, canvas.height / image.height
    if across < down:
        return ImageSize(canvas.width, int(image.height * across))
    return ImageSize(int(image.width * down), canvas.height)
