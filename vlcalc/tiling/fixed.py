"""Fixed: the size of the image never matters; it is cropped, squashed or padded to one square.

Source: transformers `models/llava/processing_llava.py`, `clip/image_processing_clip.py`,
`blip_2/processing_blip_2.py`, `paligemma/processing_paligemma.py`, `idefics/processing_idefics.py`,
`aria/image_processing_aria.py`, `deepseek_vl/image_processing_deepseek_vl.py`.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from vlcalc.core.bounds import NonNegativeInt, PositiveInt
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.steps import patches_step, vectors_step


@POLICIES.register("fixed")
class Fixed(TilingPolicy):
    """One encoder input of a constant size.

    Attributes:
        size: side of the encoder's square input in pixels.
        fit: how the pixels get there; the count does not depend on it.
        min_side: with `fit: pad`, pixels that the short side is stretched to at least.
        mask_padding: with `fit: pad`, whether the encoder attends only to patches that hold pixels
            of the image, so that their number depends on its shape.
        merge_size: side of the square of patches that becomes one token.
        tokens: tokens where a resampler or a pooled encoder sets them, not the patch grid.
        prefix_tokens: class or pooled tokens that are kept beside the patches.
        placeholders: positions in the sequence where the vectors are only cross-attended; None
            when the vectors themselves stand in the sequence.
        extra: text tokens around the image.
        defect_height_px: images of at most this height meet a defect of the real processor, which
            `defect` describes; the count is what the rule says, and the output says so.
    """

    kind: Literal["fixed"]
    size: PositiveInt
    fit: Literal["crop", "squash", "pad"] = "squash"
    min_side: PositiveInt = 1
    mask_padding: bool = False
    merge_size: PositiveInt = 1
    tokens: PositiveInt | None = None
    prefix_tokens: NonNegativeInt = 0
    placeholders: NonNegativeInt | None = None
    extra: ExtraTokens = ExtraTokens()
    defect_height_px: NonNegativeInt = 0
    defect: str = ""

    @model_validator(mode="after")
    def _check_keys(self) -> Fixed:
        if self.fit != "pad" and (self.mask_padding or self.min_side > 1):
            raise PydanticCustomError("fit", "expected `fit: pad` for padding keys")
        if self.min_side > self.size:
            raise PydanticCustomError("min_side", "expected `min_side` of at most `size`")
        if bool(self.defect_height_px) != bool(self.defect):
            raise PydanticCustomError("defect", "expected `defect` beside `defect_height_px`")
        return self

    @property
    def merged_side(self) -> int:
        return self.merge_size

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        side = self.size // self.patch
        vectors = self._vectors(side)
        view = View("image", 1, side, side)
        if self.mask_padding:
            inside = self._inside(image)
            columns, rows = (math.ceil(pixels / self.patch) for pixels in inside)
            view = View("image", 1, columns, rows)
        crossed = self.placeholders is not None
        return Tiling(
            resized=ImageSize(self.size, self.size),
            columns=1,
            rows=1,
            views=(view,),
            image_tokens=self.placeholders if self.placeholders is not None else vectors,
            extra_tokens=self.extra.count(1, 1),
            context_tokens=vectors if crossed else 0,
        )

    def caveat(self, image: ImageSize) -> str:
        return self.defect if image.height <= self.defect_height_px else ""

    def _inside(self, image: ImageSize) -> ImageSize:
        """Return the pixels that the image takes of the padded square."""
        short = max(int(min(image) * (self.size / max(image))), self.min_side)
        wide = image.width >= image.height
        return ImageSize(self.size, short) if wide else ImageSize(short, self.size)

    def _vectors(self, side: int) -> int:
        if self.tokens is not None:
            return self.tokens
        return (side // self.merge_size) ** 2 + self.prefix_tokens

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        side = self.size // self.patch
        rule = f"({side} / {self.merge_size}) squared"
        if self.tokens is not None:
            rule = "a fixed number of vectors leaves the encoder"
        elif self.prefix_tokens:
            rule += f" + {self.prefix_tokens} class or pooled"
        return (
            Step("resize", str(tiling.resized), self._fit_words(image)),
            patches_step(tiling.views[0], self.patch),
            vectors_step(self._vectors(side), rule, self.placeholders),
            *self.extra.explain(1, 1),
        )

    def _fit_words(self, image: ImageSize) -> str:
        if self.fit != "pad":
            return f"{'centre crop' if self.fit == 'crop' else 'squash'}, whatever the size"
        masked = ", padding masked" if self.mask_padding else ""
        return f"resized to {self._inside(image)} and padded to a square{masked}"
