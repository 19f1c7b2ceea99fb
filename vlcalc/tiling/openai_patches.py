"""OpenAI patches: 32-px patches within a budget, times the model's multiplier.

Source: OpenAI images-vision guide, https://developers.openai.com/api/docs/guides/images-vision;
that the fit comes before the budget is measured on bills, https://community.openai.com/t/1281361.
"""

from __future__ import annotations

import math
from typing import Literal

from vlcalc.core.bounds import PositiveFloat, PositiveInt
from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View
from vlcalc.tiling.scaling import as_written, ceil_div, fit_long_side
from vlcalc.tiling.steps import patches_step, vectors_step


@POLICIES.register("openai_patches")
class OpenaiPatches(TilingPolicy):
    """A token for each patch, times a factor; images are shrunk, never enlarged.

    Attributes:
        patch_size: side of a patch in pixels.
        multiplier: tokens billed for a patch.
        max_side: the long side is first shrunk to this; None when it is not.
        patch_budget: an image of more patches is shrunk until it has no more; None for no budget.
        max_patches: patches above which the request is refused; None when it never is.
    """

    kind: Literal["openai_patches"]
    patch_size: PositiveInt | None = 32
    multiplier: PositiveFloat = 1.0
    max_side: PositiveInt | None = None
    patch_budget: PositiveInt | None = None
    max_patches: PositiveInt | None = None

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        resized = self._shrink(self._fit(image))
        columns, rows = self._grid(resized)
        patches = columns * rows
        if self.max_patches is not None and patches > self.max_patches:
            raise RefusedError(
                f"{image}: {patches:,} patches after resizing, more than the "
                f"{self.max_patches:,} that the API takes (HTTP 400)"
            )
        return Tiling(
            resized,
            columns=1,
            rows=1,
            views=(View("image", 1, columns, rows),),
            image_tokens=math.ceil(patches * as_written(self.multiplier)),
        )

    def _fit(self, image: ImageSize) -> ImageSize:
        return image if self.max_side is None else fit_long_side(image, self.max_side)

    def _grid(self, image: ImageSize) -> tuple[int, int]:
        return ceil_div(image.width, self.patch), ceil_div(image.height, self.patch)

    def _shrink(self, image: ImageSize) -> ImageSize:
        """Scale into the budget, then on until one side is a whole number of patches."""
        columns, rows = self._grid(image)
        budget = self.patch_budget
        if budget is None or columns * rows <= budget:
            return image
        width, height = image
        # The source scales by sqrt(patch^2 * budget / (width * height)) and floors to patches: an
        # integer square root of the ratio. A strip thinner than a patch keeps one.
        columns = min(max(1, math.isqrt(width * budget // height)), budget)
        rows = min(max(1, math.isqrt(height * budget // width)), budget)
        if columns * height <= rows * width:
            scale, side = self.patch * columns, width
        else:
            scale, side = self.patch * rows, height
        return ImageSize(max(1, width * scale // side), max(1, height * scale // side))

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        view, steps = tiling.views[0], []
        if self.max_side is not None:
            rule = f"long side to at most {self.max_side:,} px, nearest pixel"
            steps.append(Step("fit", str(self._fit(image)), rule))
        if self.patch_budget is not None:
            rule = f"to at most {self.patch_budget:,} patches, one side in whole patches"
            steps.append(Step("shrink", str(tiling.resized), rule))
        rule = f"{view.num_patches:,} patches x {self.multiplier:g}, rounded up"
        return (*steps, patches_step(view, self.patch), vectors_step(tiling.image_tokens, rule))
