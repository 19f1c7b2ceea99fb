"""Fit: shrink to fit a side or a box, never enlarge, then round up to whole patches.

Source: transformers `models/pixtral/image_processing_pixtral.py::get_resize_output_image_size`,
`models/fuyu/image_processing_fuyu.py`; mistral-common `tokens/tokenizers/image.py` (rounding).
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from vlcalc.core.bounds import PositiveInt
from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.steps import patches_step, vectors_step


@POLICIES.register("fit")
class FitInside(TilingPolicy):
    """The image keeps its size where it fits; the last patch of a row or column may be padding.

    Attributes:
        merge_size: side of the square of patches that becomes one token.
        max_side: pixels that the longer side may have; instead of the box.
        max_width: pixels of the box's width, beside `max_height`.
        max_height: pixels of the box's height, beside `max_width`.
        rounding: what happens to fractions of a pixel when the image is shrunk.
        encoder: False where the patches' pixels go straight into the language model, so that no
            encoder sees a patch.
        extra: text tokens around the image; `token_row` for row breaks.
    """

    kind: Literal["fit"]
    merge_size: PositiveInt = 1
    max_side: PositiveInt | None = None
    max_width: PositiveInt | None = None
    max_height: PositiveInt | None = None
    rounding: Literal["floor", "round"] = "floor"
    encoder: bool = True
    extra: ExtraTokens = ExtraTokens()

    @model_validator(mode="after")
    def _check_keys(self) -> FitInside:
        box = [self.max_width is not None, self.max_height is not None]
        if any(box) != all(box) or any(box) == (self.max_side is not None):
            raise PydanticCustomError(
                "limit", "expected either `max_side`, or `max_width` and `max_height`"
            )
        return self

    @property
    def merged_side(self) -> int:
        return self.merge_size

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        resized = self._resize(image)
        factor = self.patch * self.merge_size
        columns, rows = (math.ceil(side / factor) for side in resized)
        view = View("raw patches", 1, 0, 0)
        if self.encoder:
            view = View("image", 1, columns * self.merge_size, rows * self.merge_size)
        return Tiling(
            resized=resized,
            columns=1,
            rows=1,
            views=(view,),
            image_tokens=columns * rows,
            extra_tokens=self.extra.count(1, 1, token_rows=rows),
        )

    def _resize(self, image: ImageSize) -> ImageSize:
        sides = self._shrink(image)
        whole = math.floor if self.rounding == "floor" else round
        resized = ImageSize(*(whole(side) for side in sides))
        if min(resized) == 0:
            raise RefusedError(
                f"{image}: shrunk to fit, one side falls to 0 px, which the processor refuses"
            )
        return resized

    def _shrink(self, image: ImageSize) -> tuple[float, float]:
        # Pixtral divides by a ratio, Fuyu multiplies by a scale: in floating point a floored side
        # can differ by a pixel, so each keeps its own arithmetic.
        width, height = image
        if self.max_side is not None:
            ratio = max(width / self.max_side, height / self.max_side, 1.0)
            return width / ratio, height / ratio
        box_width, box_height = self.max_width or 1, self.max_height or 1
        scale = min(box_height / height, box_width / width, 1.0)
        return width * scale, height * scale

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        limit = f"longer side at most {self.max_side:,} px" if self.max_side else self._box()
        factor = self.patch * self.merge_size
        columns, rows = (math.ceil(side / factor) for side in tiling.resized)
        rounding = "floored" if self.rounding == "floor" else "rounded"
        steps = [Step("resize", str(tiling.resized), f"{limit}, {rounding}, never enlarged")]
        if self.encoder:
            steps.append(patches_step(tiling.views[0], self.patch))
        rule = f"{columns} x {rows} of {factor} x {factor} px, rounded up"
        steps.append(vectors_step(tiling.image_tokens, rule))
        return (*steps, *self.extra.explain(1, 1, token_rows=rows))

    def _box(self) -> str:
        return f"within {self.max_width} x {self.max_height} px"
