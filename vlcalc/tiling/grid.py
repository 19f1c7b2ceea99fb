"""Grid: the image is cut into equal tiles, each of which costs the same.

Which grid is the chooser's business, how the vectors stand in the sequence the layout's; this
policy adds them up, with the whole image as a thumbnail and with the text tokens.

Source: the rules of the families that use it, named in their choosers, layouts and specs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal, NamedTuple

from pydantic import model_validator

from vlcalc.core.bounds import NonNegativeInt, PositiveInt
from vlcalc.core.errors import RefusedError
from vlcalc.core.image_size import MAX_SIDE_PX
from vlcalc.tiling.base import (
    POLICIES,
    ImageSize,
    Step,
    Tiling,
    TilingField,
    TilingPolicy,
    View,
)
from vlcalc.tiling.chooser import SINGLE_TILE, ChooserField, TileGrid
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.layout import Laid, LayoutField, TileShape, vector_rule
from vlcalc.tiling.layouts.per_tile import PerTile
from vlcalc.tiling.steps import patches_step
from vlcalc.tiling.uncut import Uncut


class Cut(NamedTuple):
    """What an image is cut into.

    Attributes:
        grid: the grid of tiles.
        split: whether there is more than one tile.
        tiles: their vectors; None where only the whole image is encoded.
        whole: the whole image; None where only the tiles are encoded.
        whole_rows: rows of the whole image's vectors, where they form a square.
    """

    grid: TileGrid
    split: bool
    tiles: Laid | None
    whole: Tiling | None
    whole_rows: int

    @property
    def has_thumbnail(self) -> bool:
        """Whether the whole image is encoded beside tiles."""
        return self.whole is not None and self.tiles is not None

    @property
    def token_rows(self) -> int:
        """Rows of vectors, of the tiles and of the whole image."""
        return self.whole_rows + (self.tiles.token_rows if self.tiles else 0)


@POLICIES.register("grid")
class GridOfTiles(TilingPolicy):
    """A grid of tiles, with or without the whole image as one more.

    An image that is not cut is encoded whole, once; `thumbnail: always` gives it a tile as well.

    Attributes:
        tile_size: side of a tile in pixels.
        chooser: which grid an image is cut into.
        uncut: up to which size an image is not cut, whatever the chooser would say.
        max_split_images: images of a prompt above which none is cut; None for no such limit.
        merge_size: side of the square of patches that becomes one vector.
        prefix_tokens: class tokens that are kept beside the patches, of each encoder input.
        tokens_per_tile: vectors of an encoder input where a resampler sets them, not the patches.
        thumbnail: when the whole image is encoded beside the tiles.
        thumbnail_size: side of the whole image's encoder input in pixels; that of a tile if None.
        min_thumbnail_side: pixels that both sides need once the image is fitted into the
            thumbnail; below, the processor refuses it. 0 where it does not.
        whole: the rule for the whole image where it is not brought to a square.
        layout: how the vectors of the tiles stand in the sequence.
        placeholders: positions in the sequence where the vectors are only cross-attended; None
            when the vectors themselves stand in the sequence.
        extra: text tokens around the image and its tiles.
    """

    kind: Literal["grid"]
    tile_size: PositiveInt
    chooser: ChooserField
    uncut: Uncut | None = None
    max_split_images: PositiveInt | None = None
    merge_size: PositiveInt = 1
    prefix_tokens: NonNegativeInt = 0
    tokens_per_tile: PositiveInt | None = None
    thumbnail: Literal["never", "always", "if_split"] = "never"
    thumbnail_size: PositiveInt | None = None
    min_thumbnail_side: NonNegativeInt = 0
    whole: TilingField | None = None
    layout: LayoutField = PerTile()
    placeholders: PositiveInt | None = None
    extra: ExtraTokens = ExtraTokens()

    @model_validator(mode="after")
    def _check_options(self) -> GridOfTiles:
        squares = self.thumbnail_size or self.min_thumbnail_side or self.layout.thumbnail_newline
        if self.whole is not None and squares:
            raise ValueError(
                "expected `whole`, or `thumbnail_size`, `min_thumbnail_side` and "
                "`thumbnail_newline`, not both"
            )
        if (self.tokens_per_tile or self.prefix_tokens) and self.layout.kind != "per_tile":
            raise ValueError(
                "expected `tokens_per_tile` and `prefix_tokens` with the layout `per_tile` only"
            )
        if self.tile_size > MAX_SIDE_PX:
            raise ValueError(f"expected `tile_size` of at most {MAX_SIDE_PX:,} px")
        if self.patch_size and self.tile_size < self.patch_size * self.merge_size:
            raise ValueError(
                "expected `tile_size` of at least one merged patch, "
                f"{self.patch_size} x {self.merge_size} px"
            )
        return self

    @property
    def merged_side(self) -> int:
        return self.merge_size

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        cut = self._cut(image, num_images)
        vectors = self._vectors(cut)
        crossed = self.placeholders is not None
        return Tiling(
            resized=self._resized(cut),
            columns=cut.grid.columns,
            rows=cut.grid.rows,
            views=self._views(cut),
            image_tokens=vectors if self.placeholders is None else self.placeholders,
            extra_tokens=self.extra.count(
                *cut.grid,
                thumbnail=cut.has_thumbnail,
                split=cut.split,
                token_rows=cut.token_rows,
            ),
            context_tokens=vectors if crossed else 0,
            view_tokens=self._view_tokens(cut),
        )

    def _view_tokens(self, cut: Cut) -> int:
        """Return the vectors of all encoder inputs, before they are laid out."""
        tiles = cut.grid.num_tiles * self._tile_shape.vectors if cut.tiles else 0
        return tiles + (cut.whole.fused_tokens if cut.whole else 0)

    def _cut(self, image: ImageSize, num_images: int) -> Cut:
        if self._kept_whole_because(image, num_images) is not None:
            grid = SINGLE_TILE
        else:
            grid = self.chooser.choose(image, self.tile_size)
        split = grid.num_tiles > 1
        tiles = whole = None
        if split or self.thumbnail == "always":
            tiles = self.layout.lay(image, grid, self._tile_shape)
        if not split or self.thumbnail != "never":
            whole = self._encode_whole(image)
        whole_rows = self._whole_shape.token_side if whole and not self.whole else 0
        return Cut(grid, split, tiles, whole, whole_rows)

    def _kept_whole_because(self, image: ImageSize, num_images: int) -> str | None:
        if self.max_split_images is not None and num_images > self.max_split_images:
            return f"not cut: more than {self.max_split_images} images in the prompt"
        if self.uncut is not None and self.uncut.holds(image, self.patch):
            return self.uncut.rule
        return None

    def _encode_whole(self, image: ImageSize) -> Tiling:
        if self._whole_rule is not None:
            return self._whole_rule.tile(image)
        size = self._whole_shape.size
        if round(min(image) * size / max(image)) < self.min_thumbnail_side:
            raise RefusedError(
                f"{image}: a side comes to under {self.min_thumbnail_side} px in a thumbnail of "
                f"{size} px, which the processor refuses"
            )
        return self._square_whole

    @cached_property
    def _whole_rule(self) -> TilingPolicy | None:
        if self.whole is None or self.whole.patch_size is not None:
            return self.whole
        return self.whole.model_copy(update={"patch_size": self.patch_size})

    @cached_property
    def _square_whole(self) -> Tiling:
        shape = self._whole_shape
        side = shape.num_patches_side
        views = (View("image", 1, side, side),)
        return Tiling(ImageSize(shape.size, shape.size), 1, 1, views, shape.vectors)

    @cached_property
    def _tile_shape(self) -> TileShape:
        return self._shape(self.tile_size)

    @cached_property
    def _whole_shape(self) -> TileShape:
        return self._shape(self.thumbnail_size or self.tile_size)

    def _shape(self, size: int) -> TileShape:
        shape = TileShape(size, self.patch, self.merge_size, 0)
        vectors = self.tokens_per_tile or shape.token_side**2 + self.prefix_tokens
        return shape._replace(vectors=vectors)

    def _vectors(self, cut: Cut) -> int:
        vectors = self.layout.separators + self._whole_newlines(cut)
        if cut.whole is not None:
            vectors += cut.whole.image_tokens
        if cut.tiles is not None:
            vectors += cut.tiles.vectors + cut.tiles.newlines
        return vectors

    def _whole_newlines(self, cut: Cut) -> int:
        return cut.whole_rows if self.layout.thumbnail_newline else 0

    def _resized(self, cut: Cut) -> ImageSize:
        if cut.tiles is None and cut.whole is not None:
            return cut.whole.resized
        return self.layout.canvas(cut.grid, self._tile_shape)

    def _views(self, cut: Cut) -> tuple[View, ...]:
        if cut.tiles is None:
            return cut.whole.views if cut.whole is not None else ()
        side = self._tile_shape.num_patches_side
        tiles = View("tile", cut.grid.num_tiles, side, side)
        if cut.whole is None:
            return (tiles,)
        return (tiles, *(view._replace(name="thumbnail") for view in cut.whole.views))

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        cut = self._cut(image, num_images)
        kept_whole = self._kept_whole_because(image, num_images)
        grid = f"{cut.grid} tiles of {self.tile_size} px" if cut.tiles else "not cut"
        return (
            Step("grid", grid, kept_whole or self.chooser.rule),
            *self._resize_steps(cut),
            *(patches_step(view, self.patch) for view in self._views(cut)),
            *(self._vectors_step(*part) for part in self._parts(image, cut) if part[1]),
            *self._placeholder_steps(),
            *self.extra.explain(
                *cut.grid,
                thumbnail=cut.has_thumbnail,
                split=cut.split,
                token_rows=cut.token_rows,
            ),
        )

    def _resize_steps(self, cut: Cut) -> Iterator[Step]:
        if cut.tiles is not None:
            yield Step("resize", str(self._resized(cut)), "to the canvas of the grid")
        if cut.whole is not None:
            name = "thumbnail" if cut.has_thumbnail else "resize"
            yield Step(name, str(cut.whole.resized), "the whole image")

    def _parts(self, image: ImageSize, cut: Cut) -> Iterator[tuple[str, int, str]]:
        """Yield the vectors by what they are of: name, number, rule."""
        if cut.tiles is not None:
            rule = f"{self._tile_rule}; {self.layout.describe(cut.tiles)}"
            yield "tokens", cut.tiles.vectors, rule
            yield "newlines", cut.tiles.newlines, "a learned vector after each row of the map"
        if cut.whole is not None:
            rule = self._tile_rule
            if self._whole_rule is not None:
                rule = self._whole_rule.explain(image)[0].rule
            yield "whole image", cut.whole.image_tokens, rule
            newlines = "a learned vector after each row of the whole image's"
            yield "newlines", self._whole_newlines(cut), newlines
        yield "separators", self.layout.separators, "learned vectors, once per image"

    @property
    def _tile_rule(self) -> str:
        if self.tokens_per_tile is not None:
            return "a fixed number of vectors per encoder input"
        prefix = f" + {self.prefix_tokens} class" if self.prefix_tokens else ""
        return vector_rule(self.merge_size) + prefix

    def _vectors_step(self, name: str, vectors: int, rule: str) -> Step:
        plural = "" if vectors == 1 else "s"
        if self.placeholders is None:
            return Step(name, f"{vectors:,} image token{plural}", rule, image_tokens=vectors)
        return Step(name, f"{vectors:,} context token{plural}", rule, context_tokens=vectors)

    def _placeholder_steps(self) -> Iterator[Step]:
        if self.placeholders is not None:
            rule = "the vectors are cross-attended, so only a placeholder stands in the sequence"
            number = self.placeholders
            yield Step("placeholder", f"{number} image token", rule, image_tokens=number)
