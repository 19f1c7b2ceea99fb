"""Parts: the image, or parts of it, each at its own shape, resampled to a fixed number of tokens.

Source: transformers `models/idefics2/image_processing_idefics2.py` (`split_images`,
`get_resize_output_image_size`), `models/aria/image_processing_aria.py` (`get_image_patches`,
`_preprocess`).
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

from pydantic import model_validator

from vlcalc.core.bounds import PositiveInt
from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View
from vlcalc.tiling.chooser import SINGLE_TILE, TileGrid
from vlcalc.tiling.choosers.pinpoint import Pinpoint
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.steps import patches_step, vectors_step


class Pieces(NamedTuple):
    """What an image is cut into: the grid, the size of every part, and whether it stays beside."""

    grid: TileGrid
    sizes: tuple[ImageSize, ...]
    thumbnail: bool = False


@POLICIES.register("parts")
class Parts(TilingPolicy):
    """Parts of the image, padded or masked, so that only patches with pixels are encoded.

    Attributes:
        longest_side: pixels of the encoder's square; no part is longer.
        shortest_side: pixels that a side of a part is stretched to at least.
        enlarge: whether the long side of a smaller part is enlarged to `longest_side`.
        tokens_per_part: tokens that the resampler makes of a part.
        quarters: whether the image is cut into 2 x 2 parts, the whole image being one more.
        chooser: the canvases into one of which the image is fitted, then cut into squares of
            `longest_side`; None where it is not.
        extra: text tokens around the image and its parts.
    """

    kind: Literal["parts"]
    longest_side: PositiveInt
    shortest_side: PositiveInt
    enlarge: bool
    tokens_per_part: PositiveInt
    quarters: bool = False
    chooser: Pinpoint | None = None
    extra: ExtraTokens = ExtraTokens()

    @model_validator(mode="after")
    def _check_cut(self) -> Parts:
        if self.quarters and self.chooser is not None:
            raise ValueError("expected `quarters` or `chooser`, not both")
        return self

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        pieces = self._cut(image)
        fitted = [self._fit(size) for size in pieces.sizes]
        return Tiling(
            resized=self._resized(image, fitted),
            columns=pieces.grid.columns,
            rows=pieces.grid.rows,
            views=self._views(fitted),
            image_tokens=self.tokens_per_part * len(fitted),
            extra_tokens=self.extra.count(
                *pieces.grid, thumbnail=pieces.thumbnail, split=len(fitted) > 1
            ),
        )

    def _resized(self, image: ImageSize, fitted: list[ImageSize]) -> ImageSize:
        if self.chooser is not None:
            return self.chooser.canvas(image)
        return image if self.quarters else fitted[0]

    def _cut(self, image: ImageSize) -> Pieces:
        if self.quarters:
            return Pieces(TileGrid(2, 2), (*_quarters(image), image), thumbnail=True)
        if self.chooser is None:
            return Pieces(SINGLE_TILE, (image,))
        canvas = self.chooser.canvas(image)
        widths, heights = (_lengths(side, self.longest_side) for side in canvas)
        sizes = tuple(ImageSize(width, height) for height in heights for width in widths)
        return Pieces(TileGrid(len(widths), len(heights)), sizes)

    def _fit(self, part: ImageSize) -> ImageSize:
        fitted = _scale(part, self.longest_side) if self.enlarge else self._shrink(part)
        return ImageSize(*(max(side, self.shortest_side) for side in fitted))

    def _shrink(self, part: ImageSize) -> tuple[int, int]:
        longest, ratio = self.longest_side, part.aspect_ratio
        if max(part) <= longest:
            return part
        if part.width >= part.height:
            return longest, int(longest / ratio)
        return int(longest * ratio), longest

    def _views(self, fitted: list[ImageSize]) -> tuple[View, ...]:
        patch = self.patch
        shapes = Counter((-(-width // patch), -(-height // patch)) for width, height in fitted)
        name = "part" if len(fitted) > 1 else "image"
        return tuple(View(name, count, *shape) for shape, count in shapes.items())

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        pieces = self._cut(image)
        fitted = [self._fit(size) for size in pieces.sizes]
        number = len(fitted)
        sizes = ", ".join(dict.fromkeys(str(size) for size in fitted))
        verb = "set to" if self.enlarge else "at most"
        return (
            Step("grid", f"{pieces.grid} parts" if number > 1 else "not cut", self._rule),
            Step(
                "resize",
                sizes,
                f"long side {verb} {self.longest_side} px, "
                f"both sides at least {self.shortest_side} px",
            ),
            *(patches_step(view, self.patch) for view in self._views(fitted)),
            vectors_step(
                number * self.tokens_per_part,
                f"{self.tokens_per_part} latents for each of {number} encoder inputs",
            ),
            *self.extra.explain(*pieces.grid, thumbnail=pieces.thumbnail, split=number > 1),
        )

    @property
    def _rule(self) -> str:
        if self.quarters:
            return "quarters at native resolution, and the whole image"
        if self.chooser is not None:
            return f"{self.chooser.rule}; cut into squares of {self.longest_side} px"
        return "never cut"


def _quarters(image: ImageSize) -> tuple[ImageSize, ...]:
    """Return the four parts; the right and the lower ones take the odd pixel.

    Raises:
        RefusedError: the image is one pixel high.
    """
    width, height = image
    if height == 1:
        raise RefusedError(
            f"{image}: the upper parts have no rows and their aspect ratio divides by zero, "
            "a defect of transformers 5.23"
        )
    return tuple(
        ImageSize(part_width, part_height)
        for part_height in (height // 2, height - height // 2)
        for part_width in (width // 2, width - width // 2)
    )


def _lengths(side: int, square: int) -> list[int]:
    """Return the lengths that a side is cut into."""
    return [min(square, side - start) for start in range(0, side, square)]


def _scale(part: ImageSize, longest: int) -> tuple[int, int]:
    scale = longest / max(part)
    if part.width >= part.height:
        return longest, int(part.height * scale)
    return int(part.width * scale), longest
