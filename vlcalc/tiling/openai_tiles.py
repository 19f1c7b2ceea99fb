"""OpenAI tiles: shrink twice, count 512-px tiles, bill each on top of a base.

Source: OpenAI images-vision guide, https://developers.openai.com/api/docs/guides/images-vision;
the rounding of the first fit is measured on bills, https://community.openai.com/t/1281361.
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.bounds import NonNegativeInt, PositiveInt
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy
from vlcalc.tiling.scaling import ceil_div, fit_long_side


@POLICIES.register("openai_tiles")
class OpenaiTiles(TilingPolicy):
    """A base plus a price a tile; images are shrunk, never enlarged.

    Attributes:
        base_tokens: tokens of any image, the thumbnail.
        tile_tokens: tokens of each tile.
        tile_size: side of a tile in pixels; tiles at the edge may be partly empty.
        max_side: the long side is first shrunk to this, the other rounded to the nearest pixel.
        short_side: then the short side to this, the other rounded down.
        square_tokens: tokens that a square image costs on top (high input fidelity).
        oblong_tokens: tokens that any other image costs on top.
    """

    kind: Literal["openai_tiles"]
    base_tokens: NonNegativeInt
    tile_tokens: PositiveInt
    tile_size: PositiveInt = 512
    max_side: PositiveInt = 2048
    short_side: PositiveInt = 768
    square_tokens: NonNegativeInt = 0
    oblong_tokens: NonNegativeInt = 0

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        resized = self._shrink(fit_long_side(image, self.max_side))
        columns, rows = (ceil_div(side, self.tile_size) for side in resized)
        tokens = self.base_tokens + self.tile_tokens * columns * rows + self._fidelity(image)
        return Tiling(resized, columns, rows, views=(), image_tokens=tokens)

    def _shrink(self, image: ImageSize) -> ImageSize:
        short = min(image)
        if short <= self.short_side:
            return image
        width, height = (side * self.short_side // short for side in image)
        return ImageSize(width, height)

    def _fidelity(self, image: ImageSize) -> int:
        return self.square_tokens if image.width == image.height else self.oblong_tokens

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        fitted = fit_long_side(image, self.max_side)
        size, tiles = self.tile_size, tiling.columns * tiling.rows
        tokens, fidelity = self.tile_tokens * tiles, self._fidelity(image)
        steps = [
            Step("fit", str(fitted), f"long side to at most {self.max_side:,} px, nearest pixel"),
            Step("shrink", str(tiling.resized), f"short side to at most {self.short_side:,} px"),
            Step("base", f"{self.base_tokens:,} image tokens", "any image", self.base_tokens),
            Step(
                "tiles",
                f"{tiling.columns} x {tiling.rows} tiles = {tokens:,} image tokens",
                f"{self.tile_tokens:,} for each tile of {size} x {size} px, columns x rows",
                tokens,
            ),
        ]
        if fidelity:
            shape = "a square" if image.width == image.height else "an oblong"
            rule = f"high input fidelity of {shape} image"
            steps.append(Step("fidelity", f"{fidelity:,} image tokens", rule, fidelity))
        return tuple(steps)
