"""`vlcalc tokens` without a model: the calculator and the reference tables."""

from __future__ import annotations

from collections.abc import Sequence

from vlcalc.cli.asked import Asked, image_sizes
from vlcalc.cli.output import show
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.core.units import parse_grid
from vlcalc.report.table import Table
from vlcalc.tokens import calculator_tables as tables
from vlcalc.tokens.calculator import Calculation, calculate, cut_image

NEEDS_MODEL = "it needs a --model"
DEFAULT_TILE_PX = 336
DEFAULT_PATCH_PX = 14


def run(asked: Asked) -> None:
    """Show what the options describe.

    Raises:
        InputError: options that cannot be, or that do not go together.
    """
    asked.refuse("frames", "video", "detail", "cost", "sort", "each", hint=NEEDS_MODEL)
    prompt = tables.Prompt(
        num_images=asked.images,
        text_tokens=asked.text_tokens,
        reserve_tokens=asked.reserve_tokens,
    )
    if asked.images < 1:
        raise InputError(expected="at least 1 image", got=str(asked.images), where="--images")
    windows = asked.windows or tables.WINDOWS
    images = image_sizes(asked.image)
    if not (asked.res or images or asked.tiles is not None or asked.grid):
        _reference(asked)
    elif images:
        asked.refuse("res", "tiles", "grid", hint="an --image is cut by --tile")
        calculated = [(size, _cut(asked, size)) for _, size in images]
        _show(asked, calculated, prompt, windows)
    else:
        asked.refuse("tile", hint="it cuts an --image; --res is the side of a tile")
        resolutions = asked.resolutions if asked.res else (DEFAULT_TILE_PX,)
        _show(asked, [(None, _calculate(asked, px)) for px in resolutions], prompt, windows)


def _calculate(asked: Asked, tile_px: int) -> Calculation:
    grid = parse_grid(asked.grid, where="--grid") if asked.grid is not None else None
    return calculate(
        tile_px,
        patch_px=DEFAULT_PATCH_PX if asked.patch is None else asked.patch,
        merge=1 if asked.merge is None else asked.merge,
        num_tiles=asked.tiles,
        grid=grid,
        thumbnail=asked.thumbnail,
    )


def _cut(asked: Asked, image: ImageSize) -> Calculation:
    return cut_image(
        image,
        DEFAULT_TILE_PX if asked.tile is None else asked.tile,
        patch_px=DEFAULT_PATCH_PX if asked.patch is None else asked.patch,
        merge=1 if asked.merge is None else asked.merge,
        thumbnail=asked.thumbnail,
    )


def _show(
    asked: Asked,
    calculated: Sequence[tuple[ImageSize | None, Calculation]],
    prompt: tables.Prompt,
    windows: tuple[int, ...],
) -> None:
    people: list[Table] = []
    for image, calculation in calculated:
        people.append(tables.steps_table(calculation, image=image))
        if not asked.explain:
            people.append(tables.windows_table(calculation, prompt, windows))
    calculations = [calculation for _, calculation in calculated]
    machines = tables.calculations_table(calculations, prompt, windows)
    show(people, asked.format, asked.output, machines=machines)
    _check(asked, calculations, prompt, windows)


def _check(
    asked: Asked,
    calculations: list[Calculation],
    prompt: tables.Prompt,
    windows: tuple[int, ...],
) -> None:
    over = [w for c in calculations for w in windows if prompt.left(c, w) < 0]
    if asked.check and over:
        raise InputError(
            expected="every window to hold text, images and reserve",
            got=", ".join(f"{window:,} over-full" for window in over),
            where="--check",
        )


def _reference(asked: Asked) -> None:
    asked.refuse("merge", "patch", "thumbnail", "tile", hint="give --res or --image as well")
    resolutions, tilings = tables.reference_calculations()
    machines = tables.calculations_table([*resolutions, *tilings], tables.Prompt(), tables.WINDOWS)
    show(tables.reference_tables(), asked.format, asked.output, machines=machines)
