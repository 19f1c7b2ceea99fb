"""Patch budget: shrink to a number of patches, never enlarge, then pad both sides to whole tokens.

Source: transformers `models/kimi_k25/image_processing_kimi_k25.py::navit_resize` (`shrink`) and
moonshotai/Kimi-VL-A3B-Instruct `image_processing_kimi_vl.py::rescale` (`refuse`).
"""

from __future__ import annotations

import math
from typing import Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.steps import patches_step, vectors_step


@POLICIES.register("patch_budget")
class PatchBudget(TilingPolicy):
    """The budget is asked before the padding, so that the padded image may exceed it.

    Attributes:
        merge_size: side of the square of patches that becomes one token.
        max_patches: patches that the image may have before it is padded.
        max_side_patches: patches along a side that the position embedding has.
        long_side: whether an image with a side beyond `max_side_patches` is shrunk or refused.
        extra: text tokens around the image.
    """

    kind: Literal["patch_budget"]
    merge_size: PositiveInt = 2
    max_patches: PositiveInt
    max_side_patches: PositiveInt = 512
    long_side: Literal["shrink", "refuse"]
    extra: ExtraTokens = ExtraTokens()

    @property
    def merged_side(self) -> int:
        return self.merge_size

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        resized = self._resize(image)
        factor = self.patch * self.merge_size
        columns, rows = (math.ceil(side / factor) for side in resized)
        view = View("image", 1, columns * self.merge_size, rows * self.merge_size)
        # Kimi-VL's embedding has 512 positions a side, and its code refuses the 512th already.
        if self.long_side == "refuse" and max(view.columns, view.rows) >= self.max_side_patches:
            raise RefusedError(
                f"{image}: a side has {max(view.columns, view.rows)} patches, and the processor "
                f"refuses {self.max_side_patches} or more"
            )
        return Tiling(
            resized=ImageSize(columns * factor, rows * factor),
            columns=1,
            rows=1,
            views=(view,),
            image_tokens=columns * rows,
            extra_tokens=self.extra.count(1, 1, token_rows=rows),
        )

    def _resize(self, image: ImageSize) -> ImageSize:
        return self._shrink(image) if self.long_side == "shrink" else self._shrink_area(image)

    def _shrink(self, image: ImageSize) -> ImageSize:
        max_side = self.max_side_patches * self.patch
        num_patches = math.prod(max(1, side // self.patch) for side in image)
        scales = [max_side / side for side in image]
        scale = min(1.0, math.sqrt(self.max_patches / num_patches), *scales)
        return ImageSize(*(max(1, int(side * scale)) for side in image))

    def _shrink_area(self, image: ImageSize) -> ImageSize:
        num_patches = math.prod(side // self.patch for side in image)
        if num_patches <= self.max_patches:
            return image
        scale = math.sqrt(self.max_patches / num_patches)
        return ImageSize(*(int(side * scale) for side in image))

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        factor = self.patch * self.merge_size
        merged = f"{self.merge_size} x {self.merge_size} patches merge into one"
        limit = f"at most {self.max_patches:,} patches before padding, never enlarged"
        return (
            Step("resize", str(self._resize(image)), limit),
            Step("pad", str(tiling.resized), f"both sides up to a multiple of {factor}"),
            patches_step(tiling.views[0], self.patch),
            vectors_step(tiling.image_tokens, merged),
            *self.extra.explain(1, 1, token_rows=tiling.resized.height // factor),
        )
