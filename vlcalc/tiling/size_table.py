"""Size table: the provider prints a few sizes with their tokens; the nearest of its shape counts.

Source: Amazon Nova user guide,
https://docs.aws.amazon.com/nova/latest/userguide/modalities-image.html (approximate).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from vlcalc.core.bounds import PositiveFloat, PositiveInt
from vlcalc.tiling.base import POLICIES, Frozen, ImageSize, Step, Tiling, TilingPolicy
from vlcalc.tiling.scaling import as_written
from vlcalc.tiling.steps import vectors_step


class SizeRow(Frozen):
    """One printed size and what it costs, about."""

    width: PositiveInt
    height: PositiveInt
    tokens: PositiveInt

    @property
    def num_pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


@POLICIES.register("size_table")
class SizeTable(TilingPolicy):
    """The image is snapped to an aspect ratio, enlarged to a least long side, and looked up.

    Attributes:
        ratios: long side over short side of the shapes that the model takes.
        min_long_side: pixels of the long side at least.
        table: printed sizes. The one nearest in area counts: of those with the image's ratio, or of
            all of them, however far away, where the image is larger than these.
    """

    kind: Literal["size_table"]
    ratios: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)]
    min_long_side: PositiveInt
    table: Annotated[tuple[SizeRow, ...], Field(min_length=1)]

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        resized = self._resize(image)
        tokens = self._row(resized).tokens
        return Tiling(resized, columns=1, rows=1, views=(), image_tokens=tokens)

    def _resize(self, image: ImageSize) -> ImageSize:
        ratio = self._ratio(image)
        short_side = max(Fraction(min(image)), self.min_long_side / ratio)
        short, long = round(short_side), round(short_side * ratio)
        return ImageSize(long, short) if image.width >= image.height else ImageSize(short, long)

    def _ratio(self, image: ImageSize) -> Fraction:
        own = Fraction(max(image), min(image))
        return min(map(as_written, self.ratios), key=lambda ratio: abs(ratio - own))

    def _row(self, image: ImageSize) -> SizeRow:
        return min(self._rows(image), key=lambda row: abs(row.num_pixels - image.num_pixels))

    def _rows(self, image: ImageSize) -> tuple[SizeRow, ...]:
        ratio = self._ratio(image)
        same = tuple(
            row for row in self.table if self._ratio(ImageSize(row.width, row.height)) == ratio
        )
        largest = max((row.num_pixels for row in same), default=0)
        return same if image.num_pixels <= largest else self.table

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        ratio, row = self._ratio(image), self._row(tiling.resized)
        least = f"long side at least {self.min_long_side} px"
        rule = f"as printed for {row.width}x{row.height}, the nearest of the table"
        return (
            Step("resize", str(tiling.resized), f"nearest ratio {float(ratio):g}, {least}"),
            vectors_step(tiling.image_tokens, rule),
        )
