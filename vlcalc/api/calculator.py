"""`vlcalc.calculate_tiles`: tokens of tiles without a model, and the two reference tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vlcalc.api import defaults
from vlcalc.api.argument import Argument
from vlcalc.api.arguments import AnySize, named_sizes
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.report.report import Report
from vlcalc.tokens import calculator_tables as tables
from vlcalc.tokens.calculator import Calculation, calculate, cut_image


@dataclass(frozen=True, kw_only=True, slots=True)
class TileCounts:
    """What tiles cost: each calculation with the image that it cuts, if any, over windows."""

    calculations: Sequence[tuple[ImageSize | None, Calculation]]
    prompt: tables.Prompt
    windows: Sequence[int]

    @property
    def overfull(self) -> list[int]:
        """The windows that do not hold text, images and reserve, one for each calculation."""
        pairs = ((window, c) for _, c in self.calculations for window in self.windows)
        return [window for window, c in pairs if self.prompt.left(c, window) < 0]

    def report(self, *, explain: bool = False) -> Report:
        """Return the steps of each calculation and, unless that is all, its share of windows."""
        shown = []
        for image, calculation in self.calculations:
            shown.append(tables.steps_table(calculation, image=image))
            if not explain:
                shown.append(tables.windows_table(calculation, self.prompt, self.windows))
        counts = [calculation for _, calculation in self.calculations]
        machines = tables.calculations_table(counts, self.prompt, self.windows)
        return Report(tables=shown, machines=machines)


def calculate_tiles(
    sides_px: Sequence[int] = (defaults.TILE_PX,),
    *,
    images: Sequence[AnySize] = (),
    tile_px: int = defaults.TILE_PX,
    patch_px: int = defaults.PATCH_PX,
    merge: int = 1,
    num_tiles: int | None = None,
    grid: tuple[int, int] | None = None,
    thumbnail: bool | None = None,
    num_images: int = 1,
    text_tokens: int = 0,
    reserve_tokens: int = 0,
    context_windows: Sequence[int] = (),
) -> TileCounts:
    """Return what tiles of given sides cost, or those that images are cut into.

    >>> import vlcalc
    >>> [c.image_tokens for _, c in vlcalc.calculate_tiles([672], num_tiles=4).calculations]
    [11520]

    Args:
        sides_px: sides of a tile in pixels, each a calculation.
        images: sizes, files, folders and globs of images to cut into tiles of `tile_px` instead.
        tile_px: side of the tiles that images are cut into.
        patch_px: side of a patch.
        merge: patches a side that become one token.
        num_tiles: number of tiles, the thumbnail not counted.
        grid: columns and rows of tiles.
        thumbnail: whether the whole image is one more tile; by default where there are several.
        num_images: such images in the prompt.
        text_tokens: tokens of text in the prompt.
        reserve_tokens: tokens kept free for the answer.
        context_windows: windows to measure against; four usual ones by default.

    Raises:
        InputError: a size or count that cannot be.
    """
    if num_images < 1:
        where = Argument("num_images")
        raise InputError(expected="at least 1 image", got=str(num_images), where=where)
    calculations: list[tuple[ImageSize | None, Calculation]] = []
    for _, size in named_sizes(images):
        tiles = cut_image(size, tile_px, patch_px=patch_px, merge=merge, thumbnail=thumbnail)
        calculations.append((size, tiles))
    for side_px in () if images else sides_px:
        tiles = calculate(
            side_px,
            patch_px=patch_px,
            merge=merge,
            num_tiles=num_tiles,
            grid=grid,
            thumbnail=thumbnail,
        )
        calculations.append((None, tiles))
    prompt = tables.Prompt(
        num_images=num_images, text_tokens=text_tokens, reserve_tokens=reserve_tokens
    )
    return TileCounts(
        calculations=calculations, prompt=prompt, windows=tuple(context_windows) or tables.WINDOWS
    )


def reference_tiles() -> Report:
    """Return two reference tables: one tile by resolution, and tiles of 336 px by tiling."""
    resolutions, tilings = tables.reference_calculations()
    machines = tables.calculations_table([*resolutions, *tilings], tables.Prompt(), tables.WINDOWS)
    return Report(tables=tables.reference_tables(), machines=machines)
