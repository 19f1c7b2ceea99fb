"""Edge budget: the largest size of the same shape within an edge and a token budget.

Source: Claude vision guide and its reference code,
https://platform.claude.com/docs/en/build-with-claude/vision-coordinates.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View
from vlcalc.tiling.scaling import ceil_div
from vlcalc.tiling.steps import patches_step, vectors_step


@POLICIES.register("edge_budget")
class EdgeBudget(TilingPolicy):
    """One token a patch; images are shrunk, never enlarged, and padded to whole patches.

    Attributes:
        max_edge: pixels of either side at most, padding included.
        max_tokens: tokens of an image at most.
    """

    kind: Literal["edge_budget"]
    max_edge: PositiveInt
    max_tokens: PositiveInt

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        resized = self._resize(image)
        columns, rows = self._grid(resized)
        view = View("image", 1, columns, rows)
        return Tiling(resized, columns=1, rows=1, views=(view,), image_tokens=columns * rows)

    def _grid(self, image: ImageSize) -> tuple[int, int]:
        return ceil_div(image.width, self.patch), ceil_div(image.height, self.patch)

    def _fits(self, image: ImageSize) -> bool:
        columns, rows = self._grid(image)
        return (
            max(columns, rows) * self.patch <= self.max_edge and columns * rows <= self.max_tokens
        )

    def _resize(self, image: ImageSize) -> ImageSize:
        if self._fits(image):
            return image
        fits, too_long = 1, max(image)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self._fits(_with_long_side(image, middle)):
                fits = middle
            else:
                too_long = middle
        return _with_long_side(image, fits)

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        rule = (
            f"the largest of this shape with sides of at most {self.max_edge:,} px in whole "
            f"patches and at most {self.max_tokens:,} tokens"
        )
        return (
            Step("resize", str(tiling.resized), rule),
            patches_step(tiling.views[0], self.patch),
            vectors_step(tiling.image_tokens, "one for each patch, those at the edge included"),
        )


def _with_long_side(image: ImageSize, long_side: int) -> ImageSize:
    # Half to even, as in the source; 1 px at least.
    short_side = max(1, round(Fraction(long_side * min(image), max(image))))
    if image.width >= image.height:
        return ImageSize(long_side, short_side)
    return ImageSize(short_side, long_side)
