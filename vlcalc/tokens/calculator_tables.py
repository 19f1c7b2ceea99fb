"""Tables of the calculator: step by step, over context windows, and the two reference tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vlcalc.core.image_size import ImageSize
from vlcalc.core.units import format_count, format_share
from vlcalc.report.table import Column, Table
from vlcalc.tokens.calculator import Calculation, calculate, cut_image
from vlcalc.tokens.window import WindowUse

WINDOWS = (4096, 8192, 32_768, 131_072)
RESOLUTIONS = (224, 336, 448, 672)
TILINGS = (1, 2, 4, 6, 9)
TILING_PX = 336


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """What stands beside the images in the window."""

    num_images: int = 1
    text_tokens: int = 0
    reserve_tokens: int = 0

    def use(self, calculation: Calculation, window: int) -> WindowUse:
        """Return what text, images and reserve take of a window."""
        return WindowUse(
            window=window,
            text_tokens=self.text_tokens,
            visual_tokens=self.num_images * calculation.image_tokens,
            reserve_tokens=self.reserve_tokens,
        )

    def left(self, calculation: Calculation, window: int) -> int:
        """Return what is left of the window after text, images and reserve."""
        return self.use(calculation, window).left or 0


STEP_COLUMNS = (
    Column("step", "step", "text"),
    Column("value", "value", "text"),
    Column("rule", "rule", "text"),
)
WINDOW_COLUMNS = (
    Column("context_window", "window"),
    Column("sequence_length", "sequence"),
    Column("window_share", "share", "share"),
    Column("tokens_left", "left"),
    Column("num_that_fit", "fit"),
)
CALCULATION_COLUMNS = (
    Column("tile_px", "tile px"),
    Column("patch_px", "patch px"),
    Column("merge", "merge"),
    Column("num_tiles", "tiles"),
    Column("thumbnail", "thumbnail", "text"),
    Column("patches_per_tile", "patches a tile"),
    Column("num_patches", "patches"),
    Column("image_tokens", "image tokens"),
    *WINDOW_COLUMNS,
    Column("source", "source", "text"),
)


def steps_table(calculation: Calculation, *, image: ImageSize | None = None) -> Table:
    """Return the chain from pixels to tokens, a step a line, and what else could be meant."""
    c = calculation
    side, columns, rows = c.patches_per_side, *(c.grid or (c.num_tiles, 1))
    lines = []
    if image is not None:
        lines.append(("cut", f"{columns}x{rows} tiles", f"{image} in tiles of {c.tile_px} px"))
    over = c.tile_px - side * c.patch_px
    left = f", {over} px left over" if over else ""
    lines += [
        ("side", f"{side} patches", f"{c.tile_px} // {c.patch_px}{left}"),
        ("patches", f"{c.patches_per_tile:,} a tile", f"{side} x {side}"),
    ]
    if c.merge > 1:
        merged = f"({side} / {c.merge}) squared"
        lines.append(("merge", f"{c.tokens_per_tile:,} tokens a tile", merged))
    tiles = f"{c.num_tiles} cut" + (" + 1 thumbnail" if c.thumbnail else "")
    lines += [
        ("tiles", f"{c.num_views:,}", tiles),
        ("tokens", f"{c.image_tokens:,}", f"{c.num_views:,} x {c.tokens_per_tile:,}"),
    ]
    notes = _other_reading(c) if image is None else ()
    return Table(STEP_COLUMNS, lines, title=_title(c, image), notes=notes)


def _title(c: Calculation, image: ImageSize | None) -> str:
    what = f"{image}" if image else f"{c.num_tiles} tile{'s' * (c.num_tiles > 1)} of {c.tile_px} px"
    return f"{what}: {format_count(c.image_tokens)} visual tokens"


def _other_reading(c: Calculation) -> tuple[str, ...]:
    """Name the image of `tile_px` that is *cut into* the tiles, where that is possible."""
    columns, rows = c.grid or (1, 1)
    tile_px = c.tile_px // columns
    if c.num_tiles == 1 or columns != rows or c.tile_px % columns or tile_px < c.patch_px:
        return ()
    if (tile_px // c.patch_px) % c.merge:
        return ()
    image = ImageSize(c.tile_px, c.tile_px)
    other = cut_image(image, tile_px, patch_px=c.patch_px, merge=c.merge, thumbnail=c.thumbnail)
    note = (
        f"Here each tile has {c.tile_px} px. The other reading, a {image} image cut into "
        f"{columns}x{rows} tiles of {tile_px}: {other.num_views} tiles, "
        f"{format_count(other.image_tokens)} tokens (--image {image} --tile {tile_px})."
    )
    return (note,)


def windows_table(calculation: Calculation, prompt: Prompt, windows: Sequence[int]) -> Table:
    """Return share, rest and how many fit, for each window."""
    rows = [_window_cells(calculation, prompt, window) for window in windows]
    return Table(WINDOW_COLUMNS, rows, alerts=_overfull(rows))


def calculations_table(
    calculations: Sequence[Calculation], prompt: Prompt, windows: Sequence[int]
) -> Table:
    """Return a row for each calculation and window, for machines."""
    rows = [
        (
            c.tile_px, c.patch_px, c.merge, c.num_tiles, c.thumbnail, c.patches_per_tile,
            c.num_patches, c.image_tokens, *_window_cells(c, prompt, window), "exact",
        )
        for c in calculations
        for window in windows
    ]  # fmt: skip
    return Table(CALCULATION_COLUMNS, rows)


def _window_cells(c: Calculation, prompt: Prompt, window: int) -> tuple[Any, ...]:
    use = prompt.use(c, window)
    num_that_fit = (use.room or 0) // c.image_tokens
    return window, use.sequence_length, use.share, use.left, num_that_fit


def _overfull(rows: Sequence[tuple[Any, ...]]) -> frozenset[int]:
    return frozenset(i for i, row in enumerate(rows) if row[3] < 0)


def compared(
    calculations: Sequence[Calculation], prompt: Prompt, windows: Sequence[int], title: str
) -> Table:
    """Return calculations side by side: tokens without and with thumbnail, share of windows."""
    columns = (
        Column("tile_px", "tile px"),
        Column("num_tiles", "tiles"),
        Column("patches_per_tile", "patches a tile"),
        Column("image_tokens", "image tokens"),
        *(Column(f"window_share_{w}", f"of {_window_name(w)}", "share") for w in windows),
        Column("tokens_left", f"left of {_window_name(windows[0])}"),
    )
    rows = [
        (
            c.tile_px,
            c.num_views,
            c.patches_per_tile,
            c.image_tokens,
            *(prompt.use(c, window).share for window in windows),
            prompt.left(c, windows[0]),
        )
        for c in calculations
    ]
    full = frozenset(i for i, c in enumerate(calculations) if prompt.left(c, windows[0]) < 0)
    return Table(columns, rows, title=title, alerts=full)


def _window_name(window: int) -> str:
    return f"{window // 1024}K" if window % 1024 == 0 else format_count(window)


def reference_calculations() -> tuple[list[Calculation], list[Calculation]]:
    """Return the two reference sets: one tile at four resolutions, five tilings at 336 px."""
    resolutions = [calculate(px) for px in RESOLUTIONS]
    tilings = [calculate(TILING_PX, num_tiles=n, thumbnail=True) for n in TILINGS]
    return resolutions, tilings


def reference_tables() -> list[Table]:
    """Return the two reference tables over windows of 4K, 8K, 32K and 128K."""
    resolutions, tilings = reference_calculations()
    alone = calculate(TILING_PX)
    share = Prompt().use(alone, WINDOWS[0]).share
    note = (
        f"Each tiling counts its thumbnail as one tile more. One tile without it is the "
        f"{TILING_PX} px row above: {format_count(alone.image_tokens)} tokens, "
        f"{format_share(share)} of {_window_name(WINDOWS[0])}."
    )
    first = compared(resolutions, Prompt(), WINDOWS, "One tile, patches of 14 px, by resolution")
    title = f"Tiles of {TILING_PX} px, by tiling ({', '.join(map(str, TILINGS))} and a thumbnail)"
    second = compared(tilings, Prompt(), WINDOWS, title)
    return [first, Table(second.columns, second.rows, second.title, (note,), second.alerts)]
