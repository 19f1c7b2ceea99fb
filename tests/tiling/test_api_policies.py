"""Rules of the hosted APIs: values worked out by hand, and what must hold for every size."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import ImageSize, TilingPolicy
from vlcalc.tiling.ceil_grid import CeilGrid
from vlcalc.tiling.crop_units import CropUnits
from vlcalc.tiling.edge_budget import EdgeBudget
from vlcalc.tiling.flat import Flat
from vlcalc.tiling.openai_patches import OpenaiPatches
from vlcalc.tiling.openai_tiles import OpenaiTiles
from vlcalc.tiling.pixels_per_token import PixelsPerToken
from vlcalc.tiling.scaling import as_written, ceil_div, fit_long_side, nearest_div
from vlcalc.tiling.size_table import SizeRow, SizeTable
from vlcalc.tiling.tiles_per_side import TilesPerSide

TILES = OpenaiTiles(kind="openai_tiles", base_tokens=85, tile_tokens=170)
FIDELITY = OpenaiTiles(
    kind="openai_tiles",
    base_tokens=65,
    tile_tokens=129,
    short_side=512,
    square_tokens=4160,
    oblong_tokens=6240,
)
PATCHES = OpenaiPatches(kind="openai_patches", multiplier=1.2, max_side=6000, patch_budget=2500)
WHOLE = OpenaiPatches(kind="openai_patches", multiplier=1.2, max_patches=30_000)
MINI = OpenaiPatches(kind="openai_patches", multiplier=1.62)
EDGE = EdgeBudget(kind="edge_budget", patch_size=28, max_edge=1568, max_tokens=1568)
UNITS = CropUnits(kind="crop_units", tile_tokens=258)
CLIPPED = CropUnits(kind="crop_units", tile_tokens=258, min_unit=256, max_unit=768)
GRID = CeilGrid(kind="ceil_grid", tile_size=448, tile_tokens=256, max_tiles=6)
STARTED = TilesPerSide(
    kind="tiles_per_side", tile_size=560, tile_tokens=1601, max_per_side=2, count="started"
)
AREA = PixelsPerToken(kind="pixels_per_token", pixels_per_token=750, max_edge=1568, max_tokens=1600)
TABLE = SizeTable(
    kind="size_table",
    ratios=(1.0, 1.5, 2.0),
    min_long_side=900,
    table=(
        SizeRow(width=900, height=450, tokens=800),
        SizeRow(width=900, height=900, tokens=1300),
    ),
)
FLAT = Flat(kind="flat", tokens=230)
POLICIES = (TILES, FIDELITY, PATCHES, EDGE, UNITS, CLIPPED, GRID, STARTED, AREA, TABLE, FLAT)

sides = st.integers(1, 100_000)
images = st.builds(ImageSize, sides, sides) | st.builds(
    ImageSize, st.integers(1, 3000), st.integers(1, 3000)
)
examples = settings(max_examples=1000, deadline=None)


@pytest.mark.parametrize(
    ("policy", "size", "tokens"),
    [
        (TILES, (2050, 513), 85 + 170 * 4),  # 513 * 2048 / 2050 = 512.4995 -> 512
        (TILES, (2049, 513), 85 + 170 * 8),  # 512.7496 -> 513
        (TILES, (512, 512), 85 + 170),
        (TILES, (513, 512), 85 + 170 * 2),
        (TILES, (769, 1026), 85 + 170 * 4),  # 1026 * 768 / 769 = 1024.67 -> 1024, not 1025
        (TILES, (769, 1537), 85 + 170 * 6),  # 768 x floor(1535.0013) = 2 x 3
        (TILES, (100_000, 1), 85 + 170 * 4),  # 2048 x 1, the short side kept at a pixel
        (FIDELITY, (1024, 1024), 65 + 129 + 4160),
        (FIDELITY, (1024, 1536), 65 + 129 * 2 + 6240),  # 512 x 768
        (PATCHES, (32, 33), 3),  # ceil(2 * 1.2)
        (MINI, (480, 640), 486),  # 15 x 20 = 300; in doubles 300 * 1.62 is a shade above 486
        (PATCHES, (6000, 6000), 3000),
        (PATCHES, (1, 100_000), 226),  # 1 x 6000: 188 * 1.2 = 225.6
        (EDGE, (28, 28), 1),
        (EDGE, (29, 28), 2),
        (EDGE, (1568, 784), 1568),
        (EDGE, (1, 8000), 56),
        (UNITS, (384, 384), 258),
        (UNITS, (385, 384), 258 * 4),  # u = 256: 2 x 2
        (UNITS, (1081, 541), 258 * 8),  # u = floor(360.67): 4 x 2
        (UNITS, (1000, 1), 258 * 1000),  # the unit falls to its least, a pixel
        (CLIPPED, (385, 100), 258 * 2),  # u = 66 -> 256
        (CLIPPED, (3000, 3000), 258 * 16),  # u = 2000 -> 768
        (GRID, (448, 449), 256 * 3),
        (GRID, (449, 1344), 256 * 7),  # 2 x 3
        (GRID, (449, 1345), 256 * 7),  # 2 x 4, capped at 6
        (STARTED, (559, 560), 1601 * 2),
        (STARTED, (5600, 5600), 1601 * 4),
        (AREA, (784, 1568), 1599),  # 1,639 by area, so 774 x 1549 first
        (AREA, (3136, 100), 105),  # 1568 x 50 = 78,400 px
        (TABLE, (800, 400), 800),  # 2:1, enlarged to 900 x 450
        (TABLE, (700, 1000), 1300),  # 1:1.5, so 700 x 1050
        (FLAT, (1, 1), 230),
    ],
)
def test_by_hand(policy: TilingPolicy, size: tuple[int, int], tokens: int) -> None:
    assert policy.tile(ImageSize(*size)).image_tokens == tokens


def test_patches_worked_example() -> None:
    # The 2025 guide: 1800x2400 at 1,536 patches is scaled by 0.603, then by 0.586.
    policy = OpenaiPatches(kind="openai_patches", patch_budget=1536)
    tiling = policy.tile(ImageSize(1800, 2400))
    assert tiling.resized == (1056, 1408)
    assert tiling.views[0][1:] == (1, 33, 44)


def test_grid_layout_up_to_the_cap() -> None:
    assert GRID.tile(ImageSize(449, 1344))[1:3] == (2, 3)
    assert GRID.tile(ImageSize(449, 1345))[1:3] == (6, 1)


def test_strip_within_patch_budget() -> None:
    policy = OpenaiPatches(kind="openai_patches", patch_budget=1536)
    tiling = policy.tile(ImageSize(1, 100_000))
    assert tiling.resized == (1, 49_152)
    assert tiling.image_tokens == 1536


def test_resized_by_edge_budget_rounds_half_to_even() -> None:
    assert EDGE.tile(ImageSize(2000, 1500)).resized == (1270, 952)
    assert EDGE.tile(ImageSize(1500, 2000)).resized == (952, 1270)


def test_table_snaps_to_a_ratio() -> None:
    assert TABLE.tile(ImageSize(800, 400)).resized == (900, 450)
    assert TABLE.tile(ImageSize(1000, 1700)).resized == (1000, 1500)


def test_whole_numbers() -> None:
    assert [ceil_div(number, 32) for number in (32, 33, 64)] == [1, 2, 2]
    assert [nearest_div(number, 4) for number in (1, 2, 3, 5)] == [0, 1, 1, 1]
    assert 50 * as_written(1.62) == 81
    assert fit_long_side(ImageSize(100, 50), 100) == (100, 50)
    assert fit_long_side(ImageSize(200, 1), 100) == (100, 1)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: f"{policy.kind}")
@examples
@given(image=images)
def test_steps_sum_to_the_total(policy: TilingPolicy, image: ImageSize) -> None:
    tiling, steps = policy.tile(image), policy.explain(image)
    assert sum(step.image_tokens for step in steps) == tiling.image_tokens > 0
    assert sum(step.extra_tokens for step in steps) == tiling.extra_tokens == 0
    assert policy.tile(ImageSize(image.height, image.width)).image_tokens == tiling.image_tokens


@examples
@given(images)
def test_tiles_keep_both_sides(image: ImageSize) -> None:
    tiling = TILES.tile(image)
    assert max(tiling.resized) <= 2048
    assert min(tiling.resized) <= 768
    assert tiling.columns * tiling.rows <= 8


def _guide(image: ImageSize, budget: int) -> int:
    """Return the patches by the formula as the guide prints it, with 60 digits."""

    def floor(number: Decimal) -> int:
        return math.floor(number + Decimal("1e-40"))

    with localcontext() as context:
        context.prec = 60
        width, height = map(Decimal, image)
        ratio = (32 * 32 * budget / (width * height)).sqrt()
        across, down = width * ratio / 32, height * ratio / 32
        ratio *= min(floor(across) / across, floor(down) / down)
        width, height = Decimal(floor(width * ratio)), Decimal(floor(height * ratio))
        return math.ceil(width / 32) * math.ceil(height / 32)


@examples
@given(st.builds(ImageSize, st.integers(1000, 6000), st.integers(3000, 6000)))
def test_patch_budget_is_that_of_the_guide(image: ImageSize) -> None:
    tiling = PATCHES.tile(image)
    assert tiling.num_patches == _guide(image, 2500)


@examples
@given(images)
def test_patch_budget_is_kept(image: ImageSize) -> None:
    tiling = PATCHES.tile(image)
    assert tiling.num_patches <= 2500
    assert tiling.resized.width <= image.width
    assert tiling.resized.height <= image.height
    assert tiling.image_tokens == -(-tiling.num_patches * 6 // 5)


@examples
@given(st.builds(ImageSize, st.integers(1, 12_000), st.integers(1, 12_000)))
def test_too_many_patches_are_refused(image: ImageSize) -> None:
    patches = math.ceil(image.width / 32) * math.ceil(image.height / 32)
    if patches <= 30_000:
        assert WHOLE.tile(image).num_patches == patches
    else:
        call: Callable[[ImageSize], object]
        for call in (WHOLE.tile, WHOLE.explain):
            with pytest.raises(RefusedError, match=r"more than the 30,000 that the API takes"):
                call(image)


@examples
@given(images)
def test_edge_budget_is_kept_and_used_up(image: ImageSize) -> None:
    tiling = EDGE.tile(image)
    view, long_side = tiling.views[0], max(tiling.resized)
    assert tiling.image_tokens <= 1568
    assert max(view.columns, view.rows) * 28 <= 1568
    if tiling.resized != image:
        # A pixel more on the long side would break a limit.
        short_side = max(1, round(Fraction((long_side + 1) * min(image), max(image))))
        across, down = ceil_div(long_side + 1, 28), ceil_div(short_side, 28)
        assert across * 28 > 1568 or across * down > 1568


@examples
@given(images)
def test_area_is_kept(image: ImageSize) -> None:
    tiling = AREA.tile(image)
    assert tiling.image_tokens <= 1600
    assert max(tiling.resized) <= 1568
