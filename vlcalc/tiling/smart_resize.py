"""Smart resize: native resolution in multiples of `patch_size` x `merge_size`, within a budget.

Source: transformers `models/qwen2_vl/image_processing_qwen2_vl.py::smart_resize` (flat) and
`models/glm4v/image_processing_glm4v.py::smart_resize` (a volume of `temporal_patch_size` frames).
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from vlcalc.core.bounds import PositiveInt
from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.steps import patches_step, vectors_step

MAX_ASPECT_RATIO = 200


@POLICIES.register("smart_resize")
class SmartResize(TilingPolicy):
    """Both sides are rounded to the factor, then scaled into a pixel budget.

    Attributes:
        merge_size: side of the square of patches that becomes one token.
        min_pixels: pixels below which the image is enlarged.
        max_pixels: pixels above which it is shrunk.
        temporal_patch_size: frames that the budget counts one image as, where it is a budget of
            volume (GLM); None where it is one of area (Qwen).
        extra: text tokens around the image.
    """

    kind: Literal["smart_resize"]
    merge_size: PositiveInt = 2
    min_pixels: PositiveInt
    max_pixels: PositiveInt
    temporal_patch_size: PositiveInt | None = None
    extra: ExtraTokens = ExtraTokens()

    @property
    def merged_side(self) -> int:
        return self.merge_size

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        factor = self.patch * self.merge_size
        resized = self._resize(image, factor)
        columns, rows = resized.width // factor, resized.height // factor
        merge = self.merge_size
        return Tiling(
            resized=resized,
            columns=1,
            rows=1,
            views=(View("image", 1, columns * merge, rows * merge),),
            image_tokens=columns * rows,
            extra_tokens=self.extra.count(1, 1, token_rows=rows),
        )

    def _resize(self, image: ImageSize, factor: int) -> ImageSize:
        bounds = Bounds(factor, self.min_pixels, self.max_pixels)
        if self.temporal_patch_size is None:
            return smart_resize(image, bounds)
        return smart_resize_clip(image, self.temporal_patch_size, self.temporal_patch_size, bounds)

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        factor = self.patch * self.merge_size
        volume = f" over {self.temporal_patch_size} frames" if self.temporal_patch_size else ""
        rule = (
            f"sides to the nearest multiple of {factor} (half to even), "
            f"{self.min_pixels:,} to {self.max_pixels:,} px{volume}"
        )
        return (
            Step("resize", str(tiling.resized), rule),
            patches_step(tiling.views[0], self.patch),
            vectors_step(tiling.image_tokens, merge_rule(self.merge_size)),
            *self.extra.explain(1, 1, token_rows=tiling.resized.height // factor),
        )


def merge_rule(merge_size: int) -> str:
    """Say how many patches become one token."""
    if merge_size == 1:
        return "one per patch"
    return f"{merge_size} x {merge_size} patches merge into one"


class Bounds(NamedTuple):
    """Sides are multiples of `factor`; the area, or the volume, lies between two bounds."""

    factor: int
    min_pixels: int
    max_pixels: int


def smart_resize(image: ImageSize, bounds: Bounds) -> ImageSize:
    """Return the resized image, sides in multiples of the factor, area within the bounds.

    The upper bound can be missed: a side never falls below the factor, so a long thin image may
    keep more pixels.

    Raises:
        RefusedError: one side is more than 200 times the other.
    """
    check_aspect_ratio(image, image)
    return _into_bounds(image, bounds, num_frames=1, whole_frames=1)


def smart_resize_clip(
    frame: ImageSize, num_frames: int, temporal_patch_size: int, bounds: Bounds
) -> ImageSize:
    """Return the resized frame of a clip whose pixels over all frames lie within the bounds.

    Sides below the factor are first scaled up together. Whether a bound is hit is asked of the
    number of frames rounded to whole groups, half to even; how far to scale, of the number itself.

    Raises:
        RefusedError: there are fewer frames than a group has, or one side is more than 200 times
            the other.
    """
    if num_frames < temporal_patch_size:
        raise RefusedError(
            f"{frame}: the processor refuses clips of fewer than {temporal_patch_size} frames"
        )
    width, height = frame
    if min(frame) < bounds.factor:
        scale = max(bounds.factor / height, bounds.factor / width)
        width, height = int(width * scale), int(height * scale)
    scaled = ImageSize(width, height)
    check_aspect_ratio(scaled, frame)
    whole_frames = round(num_frames / temporal_patch_size) * temporal_patch_size
    return _into_bounds(scaled, bounds, num_frames=num_frames, whole_frames=whole_frames)


def _into_bounds(
    image: ImageSize, bounds: Bounds, *, num_frames: int, whole_frames: int
) -> ImageSize:
    factor, min_pixels, max_pixels = bounds
    # Python's round, half to even, as in the source; 0 for a side below half a factor, which the
    # branch for too small a volume repairs.
    resized = ImageSize(*(round(side / factor) * factor for side in image))
    if whole_frames * resized.num_pixels > max_pixels:
        shrink = math.sqrt(num_frames * image.num_pixels / max_pixels)
        sides = (max(factor, math.floor(side / shrink / factor) * factor) for side in image)
        return ImageSize(*sides)
    if whole_frames * resized.num_pixels < min_pixels:
        grow = math.sqrt(min_pixels / (num_frames * image.num_pixels))
        return ImageSize(*(math.ceil(side * grow / factor) * factor for side in image))
    return resized


def check_aspect_ratio(sides: ImageSize, image: ImageSize) -> None:
    """Refuse `image` when one of its (perhaps already scaled) sides is over 200 times the other.

    Raises:
        RefusedError: it is.
    """
    if max(sides) / min(sides) > MAX_ASPECT_RATIO:
        raise RefusedError(
            f"{image}: one side is more than {MAX_ASPECT_RATIO} times the other, "
            "which the processor refuses"
        )
