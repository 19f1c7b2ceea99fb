"""Text tokens that a processor lays around an image: start, end, row breaks, tile tags."""

from __future__ import annotations

from collections.abc import Iterator

from vlcalc.core.bounds import NonNegativeInt
from vlcalc.tiling.words import Frozen, Step


class ExtraTokens(Frozen):
    """How many text tokens a processor adds, by what they belong to.

    Attributes:
        image: once per image, such as a start and an end token.
        view: for each encoder input, tiles and thumbnail alike.
        tile: for each tile of an image that was cut.
        thumbnail: for the thumbnail of an image that was cut.
        single: for an image that was not cut.
        tile_row: for each row of tiles of an image that was cut.
        column_gap: between neighbouring tiles of a row of tiles.
        row_gap: between neighbouring rows of tiles.
        token_row: for each row of image tokens, such as a line break.
        tokenizer_dependent: why the number is not certain, where tags are plain text that another
            tokenizer cuts differently, or where they were not confirmed.
    """

    image: NonNegativeInt = 0
    view: NonNegativeInt = 0
    tile: NonNegativeInt = 0
    thumbnail: NonNegativeInt = 0
    single: NonNegativeInt = 0
    tile_row: NonNegativeInt = 0
    column_gap: NonNegativeInt = 0
    row_gap: NonNegativeInt = 0
    token_row: NonNegativeInt = 0
    tokenizer_dependent: str | None = None

    def count(
        self,
        columns: int,
        rows: int,
        *,
        thumbnail: bool = False,
        split: bool = False,
        token_rows: int = 0,
    ) -> int:
        """Return the extra tokens of an image of `columns` x `rows` tiles."""
        total = self.image + self.token_row * token_rows
        total += self.view * (columns * rows + thumbnail)
        if not split:
            return total + self.single
        total += self.tile * columns * rows + self.tile_row * rows + self.thumbnail * thumbnail
        return total + self.column_gap * rows * (columns - 1) + self.row_gap * (rows - 1)

    def explain(
        self,
        columns: int,
        rows: int,
        *,
        thumbnail: bool = False,
        split: bool = False,
        token_rows: int = 0,
    ) -> tuple[Step, ...]:
        """Return a step with the extra tokens, or nothing where there are none."""
        total = self.count(columns, rows, thumbnail=thumbnail, split=split, token_rows=token_rows)
        if not total:
            return ()
        parts = " + ".join(
            self._parts(columns, rows, thumbnail=thumbnail, split=split, token_rows=token_rows)
        )
        doubt = f" ({self.tokenizer_dependent})" if self.tokenizer_dependent else ""
        return (Step("extra", f"{total:,} extra tokens", parts + doubt, extra_tokens=total),)

    def _parts(
        self, columns: int, rows: int, *, thumbnail: bool, split: bool, token_rows: int
    ) -> Iterator[str]:
        views = columns * rows + thumbnail
        counts = [
            (self.image, 1, "for the image"),
            (self.view, views, "views"),
            (self.single, int(not split), "for an uncut image"),
            (self.tile, columns * rows * split, "tiles"),
            (self.thumbnail, int(thumbnail and split), "for the thumbnail"),
            (self.tile_row, rows * split, "tile rows"),
            (self.column_gap, rows * (columns - 1) * split, "column gaps"),
            (self.row_gap, (rows - 1) * split, "row gaps"),
            (self.token_row, token_rows, "token rows"),
        ]
        for tokens, number, what in counts:
            if tokens * number:
                yield (
                    f"{tokens} {what}" if what.startswith("for") else f"{tokens} x {number} {what}"
                )
