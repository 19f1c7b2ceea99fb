"""Size table: the provider prints a few sizes with their tokens; the nearest one counts.

Source: Amazon Nova user guide,
https://docs.aws.amazon.com/nova/latest/userguide/modalities-image.html (approximate).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from vlcalc.tiling.base import POLICIES, Frozen, ImageSize, Step, Tiling, TilingPolicy
from vlcalc.tiling.scaling import as_written
from vlcalc.tiling.steps import vectors_step


class SizeRow(Frozen):
    """One printed size and what it costs, about."""

    width: PositiveInt
    height: PositiveInt
    tokens: PositiveInt


@POLICIES.register("size_table")
class SizeTable(TilingPolicy):
    """The image is snapped to an aspect ratio, enlarged to a least long side, and looked up.

    Attributes:
        ratios: long side over short side of the shapes that the model takes.
        min_long_side: pixels of the long side at least.
        table: printed sizes; the one nearest in area counts, however far away it is.
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
        return min(self.table, key=lambda row: abs(row.width * row.height - image.num_pixels))

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        ratio, row = self._ratio(image), self._row(tiling.resized)
        least = f"long side at least {self.min_long_side} px"
        rule = f"as printed for {row.width}x{row.height}, the nearest in area of the table"
        return (
            Step("resize", str(tiling.resized), f"nearest ratio {float(ratio):g}, {least}"),
            vectors_step(tiling.image_tokens, rule),
        )
