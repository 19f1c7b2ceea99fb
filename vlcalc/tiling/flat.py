"""Flat: an image is billed as a constant number of tokens, whatever its size.

Source: OpenAI images-vision guide (`detail: low` of the tile models), Gemini API media-resolution
page (`low` and `medium` of Gemini 2.5), Amazon Nova 2 user guide (230 tokens an image).
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy
from vlcalc.tiling.steps import vectors_step


@POLICIES.register("flat")
class Flat(TilingPolicy):
    """A constant bill; what the encoder sees is not published.

    Attributes:
        tokens: tokens an image is billed as.
    """

    kind: Literal["flat"]
    tokens: PositiveInt

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        return Tiling(image, columns=1, rows=1, views=(), image_tokens=self.tokens)

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        return (vectors_step(self.tokens, "billed flat, whatever the size"),)
