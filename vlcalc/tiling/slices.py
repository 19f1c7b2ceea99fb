"""Slices: as many slices as the area asks for, each near the encoder's own size and shape.

Source: transformers `models/minicpmv4_6/image_processing_minicpmv4_6.py`; MiniCPM-V 2.6
`image_processing_minicpmv.py` (remote code of the checkpoint).
"""

from __future__ import annotations

import math
from typing import Literal

from vlcalc.core.bounds import PositiveInt, Tiles
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View
from vlcalc.tiling.chooser import SINGLE_TILE, TileGrid
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.layout import vector_rule
from vlcalc.tiling.steps import patches_step


@POLICIES.register("slices")
class Slices(TilingPolicy):
    """The whole image, then its slices; every input keeps the image's ratio.

    Attributes:
        tile_size: side in pixels of the square whose area a slice has.
        max_slices: most slices.
        merge_size: side of the square of patches that becomes one token; sides are multiples of it.
        tokens_per_slice: tokens of an encoder input where a resampler sets them, not the patches.
        extra: text tokens around the image and its slices.
    """

    kind: Literal["slices"]
    tile_size: PositiveInt
    max_slices: Tiles
    merge_size: PositiveInt = 1
    tokens_per_slice: PositiveInt | None = None
    extra: ExtraTokens = ExtraTokens()

    @property
    def merged_side(self) -> int:
        return self.merge_size

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        grid = self._choose(image)
        views = self._views(image, grid)
        split = grid.num_tiles > 1
        last = views[-1]
        return Tiling(
            resized=ImageSize(
                grid.columns * last.columns * self.patch, grid.rows * last.rows * self.patch
            ),
            columns=grid.columns,
            rows=grid.rows,
            views=views,
            image_tokens=sum(self._tokens(view) for view in views),
            extra_tokens=self.extra.count(*grid, thumbnail=split, split=split),
        )

    def _choose(self, image: ImageSize) -> TileGrid:
        wanted = min(math.ceil(image.num_pixels / self.tile_size**2), self.max_slices)
        if wanted <= 1:
            return SINGLE_TILE
        log_ratio = math.log(image.aspect_ratio)
        grids = (
            TileGrid(columns, number // columns)
            for number in (wanted - 1, wanted, wanted + 1)
            if 1 < number <= self.max_slices
            for columns in range(1, number + 1)
            if number % columns == 0
        )
        # min keeps the first of equals, as the source does.
        return min(grids, key=lambda grid: abs(log_ratio - math.log(grid.columns / grid.rows)))

    def _views(self, image: ImageSize, grid: TileGrid) -> tuple[View, ...]:
        split = grid.num_tiles > 1
        source = self._fit(*image, enlarge=not split)
        if not split:
            return (View("image", 1, *source),)
        slice_width, slice_height = (
            _nearest(side, count) / count for side, count in zip(image, grid, strict=True)
        )
        patches = self._fit(slice_width, slice_height, enlarge=True)
        return (View("thumbnail", 1, *source), View("slice", grid.num_tiles, *patches))

    def _fit(self, width: float, height: float, *, enlarge: bool) -> tuple[int, int]:
        """Return the patches across and down of an input near the encoder's area."""
        if enlarge or width * height > self.tile_size**2:
            ratio = width / height
            height = int(self.tile_size / math.sqrt(ratio))
            width = int(height * ratio)
        unit = self.patch * self.merge_size
        return _nearest(width, unit) // self.patch, _nearest(height, unit) // self.patch

    def _tokens(self, view: View) -> int:
        if self.tokens_per_slice is not None:
            return self.tokens_per_slice * view.number
        return view.num_patches // self.merge_size**2

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        grid = self._choose(image)
        split = grid.num_tiles > 1
        views = self._views(image, grid)
        rule = (
            f"1 slice per {self.tile_size} x {self.tile_size} px, up to {self.max_slices}; "
            "of as many, one fewer or one more the grid of the closest logarithmic aspect ratio"
        )
        return (
            Step("grid", f"{grid} slices" if split else "not cut", rule),
            *(patches_step(view, self.patch) for view in views),
            *(self._tokens_step(view) for view in views),
            *self.extra.explain(*grid, thumbnail=split, split=split),
        )

    def _tokens_step(self, view: View) -> Step:
        tokens = self._tokens(view)
        rule = vector_rule(self.merge_size)
        if self.tokens_per_slice is not None:
            rule = f"{self.tokens_per_slice} queries per encoder input"
        value = f"{tokens:,} image tokens"
        return Step(f"{view.name} tokens", value, rule, image_tokens=tokens)


def _nearest(side: float, multiple: int) -> int:
    """Round to the nearest multiple (half to even), one at least."""
    return max(round(side / multiple) * multiple, multiple)
