"""Floored resize: smart resize whose sides never round to nothing, without a limit of the ratio.

Source: transformers `models/lfm2_vl/image_processing_lfm2_vl.py::smart_resize`.
"""

from __future__ import annotations

import math
from typing import Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.steps import patches_step, vectors_step


@POLICIES.register("floored_resize")
class FlooredResize(TilingPolicy):
    """Sides to the nearest multiple of the factor, one factor at least, within a pixel budget.

    Attributes:
        merge_size: side of the square of patches that becomes one token.
        min_pixels: pixels below which the image is enlarged.
        max_pixels: pixels above which it is shrunk.
        extra: text tokens around the image.
    """

    kind: Literal["floored_resize"]
    merge_size: PositiveInt = 2
    min_pixels: PositiveInt
    max_pixels: PositiveInt
    extra: ExtraTokens = ExtraTokens()

    @property
    def merged_side(self) -> int:
        return self.merge_size

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        factor, merge = self.patch * self.merge_size, self.merge_size
        resized = self._resize(image, factor)
        columns, rows = resized.width // factor, resized.height // factor
        return Tiling(
            resized=resized,
            columns=1,
            rows=1,
            views=(View("image", 1, columns * merge, rows * merge),),
            image_tokens=columns * rows,
            extra_tokens=self.extra.count(1, 1, token_rows=rows),
        )

    def _resize(self, image: ImageSize, factor: int) -> ImageSize:
        width, height = image
        new_width = max(factor, round(width / factor) * factor)
        new_height = max(factor, round(height / factor) * factor)
        if new_width * new_height > self.max_pixels:
            beta = math.sqrt(width * height / self.max_pixels)
            new_width = max(factor, math.floor(width / beta / factor) * factor)
            new_height = max(factor, math.floor(height / beta / factor) * factor)
        elif new_width * new_height < self.min_pixels:
            beta = math.sqrt(self.min_pixels / (width * height))
            new_width = math.ceil(width * beta / factor) * factor
            new_height = math.ceil(height * beta / factor) * factor
        return ImageSize(new_width, new_height)

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        factor = self.patch * self.merge_size
        rule = (
            f"sides to the nearest multiple of {factor}, {factor} at least, "
            f"{self.min_pixels:,} to {self.max_pixels:,} px"
        )
        merged = f"{self.merge_size} x {self.merge_size} patches merge into one"
        return (
            Step("resize", str(tiling.resized), rule),
            patches_step(tiling.views[0], self.patch),
            vectors_step(tiling.image_tokens, merged),
            *self.extra.explain(1, 1, token_rows=tiling.resized.height // factor),
        )
