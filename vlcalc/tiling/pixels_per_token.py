"""Pixels per token: the area divided by a constant, after shrinking into two limits.

Source: Claude vision guide, editions of Sonnet 3.7 to Opus 4.6,
https://docs.anthropic.com/en/docs/build-with-claude/vision: about width x height / 750.
"""

from __future__ import annotations

import math
from typing import Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy
from vlcalc.tiling.scaling import ceil_div, fit_long_side
from vlcalc.tiling.steps import vectors_step


@POLICIES.register("pixels_per_token")
class PixelsPerToken(TilingPolicy):
    """An estimate by area; images are shrunk, never enlarged.

    Attributes:
        pixels_per_token: pixels that one token stands for.
        max_edge: the long side is shrunk to this.
        max_tokens: then the area to that of so many tokens, sides rounded down.
    """

    kind: Literal["pixels_per_token"]
    pixels_per_token: PositiveInt
    max_edge: PositiveInt
    max_tokens: PositiveInt

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        resized = self._resize(image)
        tokens = ceil_div(resized.num_pixels, self.pixels_per_token)
        return Tiling(resized, columns=1, rows=1, views=(), image_tokens=tokens)

    def _resize(self, image: ImageSize) -> ImageSize:
        width, height = fitted = fit_long_side(image, self.max_edge)
        max_pixels = self.max_tokens * self.pixels_per_token
        if fitted.num_pixels <= max_pixels:
            return fitted
        shrunk_width = max(1, math.isqrt(width * max_pixels // height))
        shrunk_height = max(1, math.isqrt(height * max_pixels // width))
        return ImageSize(shrunk_width, shrunk_height)

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        limits = f"at most {self.max_edge:,} px a side and {self.max_tokens:,} tokens"
        rule = f"about one for {self.pixels_per_token} px, rounded up"
        return (
            Step("resize", str(tiling.resized), limits),
            vectors_step(tiling.image_tokens, rule),
        )
