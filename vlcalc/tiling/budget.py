"""Budget: scale up or down to as many tokens as the budget allows, in whole tokens both ways.

Source: transformers `models/gemma4/image_processing_gemma4.py::get_aspect_ratio_preserving_size`.
"""

from __future__ import annotations

import math
from typing import Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.steps import patches_step, vectors_step


@POLICIES.register("budget")
class Budget(TilingPolicy):
    """The aspect ratio is kept, the area becomes that of `max_tokens`, sides are floored.

    Attributes:
        merge_size: side of the square of patches that is pooled into one token.
        max_tokens: the budget, never exceeded.
        extra: text tokens around the image.
    """

    kind: Literal["budget"]
    merge_size: PositiveInt = 3
    max_tokens: PositiveInt
    extra: ExtraTokens = ExtraTokens()

    @property
    def merged_side(self) -> int:
        return self.merge_size

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        factor = self.patch * self.merge_size
        columns, rows = self._grid(image, factor)
        return Tiling(
            resized=ImageSize(columns * factor, rows * factor),
            columns=1,
            rows=1,
            views=(View("image", 1, columns * self.merge_size, rows * self.merge_size),),
            image_tokens=columns * rows,
            extra_tokens=self.extra.count(1, 1, token_rows=rows),
        )

    def _grid(self, image: ImageSize, factor: int) -> tuple[int, int]:
        """Return columns and rows of tokens; both cannot floor to 0, since the area is kept."""
        width, height = image
        scale = math.sqrt(self.max_tokens * factor**2 / image.num_pixels)
        columns = math.floor(scale * width / factor)
        rows = math.floor(scale * height / factor)
        if rows == 0:
            return min(width // height, self.max_tokens), 1
        if columns == 0:
            return 1, min(height // width, self.max_tokens)
        return columns, rows

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        factor = self.patch * self.merge_size
        rule = (
            f"scaled to the area of {self.max_tokens:,} tokens, "
            f"sides floored to a multiple of {factor}, at least {factor}"
        )
        pooled = f"{self.merge_size} x {self.merge_size} patches pooled into one"
        return (
            Step("resize", str(tiling.resized), rule),
            patches_step(tiling.views[0], self.patch),
            vectors_step(tiling.image_tokens, pooled),
            *self.extra.explain(1, 1, token_rows=tiling.resized.height // factor),
        )
