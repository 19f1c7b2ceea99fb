"""Choosers: grids worked out by hand, ties, and what must hold for every size."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vlcalc.core.errors import InputError, RefusedError
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, Chooser
from vlcalc.tiling.choosers.ceil_sides import CeilSides
from vlcalc.tiling.choosers.closest_ratio import ClosestRatio
from vlcalc.tiling.choosers.covering import Covering
from vlcalc.tiling.choosers.hd_scale import HdScale
from vlcalc.tiling.choosers.largest_canvas import LargestCanvas
from vlcalc.tiling.choosers.least_upscale import LeastUpscale
from vlcalc.tiling.choosers.long_axis import LongAxis
from vlcalc.tiling.choosers.long_edge import LongEdge
from vlcalc.tiling.choosers.pinpoint import Pinpoint
from vlcalc.tiling.choosers.single import Single
from vlcalc.tiling.uncut import Uncut

NEXT_CANVASES = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))
NEXT = Pinpoint(kind="pinpoint", order="height_width", canvases=NEXT_CANVASES)
NEXT_AUTHORS = Pinpoint(kind="pinpoint", order="width_height", canvases=NEXT_CANVASES)
INTERNVL = ClosestRatio(kind="closest_ratio", max_tiles=12)
MLLAMA = LeastUpscale(kind="least_upscale", max_tiles=4)
COHERE = LeastUpscale(kind="least_upscale", max_tiles=12)
LLAMA4 = LeastUpscale(kind="least_upscale", max_tiles=16)
MOLMO = LeastUpscale(kind="least_upscale", max_tiles=12, margin=112)
OVIS = Covering(kind="covering", max_tiles=12, threshold=0.9)
PLM = LargestCanvas(kind="largest_canvas", max_tiles=36)
IDEFICS3 = LongEdge(kind="long_edge", longest_edge=1456)
PAN_AND_SCAN = LongAxis(kind="long_axis", min_ratio=1.2, min_crop=256, max_crops=4)
PHI35 = HdScale(kind="hd_scale", max_tiles=16)
PHI4 = CeilSides(kind="ceil_sides", max_tiles=36)

SIZES = st.builds(ImageSize, st.integers(1, 6000), st.integers(1, 6000))
THOUSAND = settings(max_examples=1000, deadline=None)


def grid(chooser: Chooser, tile: int, size: tuple[int, int]) -> tuple[int, int]:
    """Return columns and rows."""
    return tuple(chooser.choose(ImageSize(*size), tile))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("chooser", "tile", "size", "expected"),
    [
        # Both 1 x 2 and 2 x 1 keep all pixels and waste as much: the first of the list stays.
        (NEXT, 336, (320, 240), (2, 1)),
        (NEXT_AUTHORS, 336, (320, 240), (1, 2)),
        (NEXT, 336, (1920, 1080), (2, 2)),
        (NEXT, 336, (4096, 512), (3, 1)),
        (Single(kind="single"), 336, (9999, 1), (1, 1)),
        # 896x896 has more than half the pixels of 2 x 2 tiles, but not of 3 x 3.
        (INTERNVL, 448, (896, 896), (2, 2)),
        (INTERNVL, 448, (634, 634), (2, 2)),
        (INTERNVL, 448, (633, 633), (1, 1)),
        (INTERNVL, 448, (2048, 2048), (3, 3)),
        (INTERNVL, 448, (1, 28), (1, 12)),
        # Ties take the larger grid, and portrait grids come first: not symmetric.
        (INTERNVL, 448, (2313, 2003), (3, 3)),
        (INTERNVL, 448, (2003, 2313), (3, 4)),
        (COHERE, 512, (512, 512), (1, 1)),
        (COHERE, 512, (513, 512), (2, 1)),
        (COHERE, 512, (1024, 768), (2, 2)),
        (MLLAMA, 560, (640, 480), (2, 1)),
        (MLLAMA, 560, (560, 560), (1, 1)),
        (LLAMA4, 336, (1920, 1080), (5, 3)),
        # 224 + 112 px are one window; a side equal to the margin scales without end.
        (MOLMO, 336, (336, 336), (1, 1)),
        (MOLMO, 336, (337, 336), (2, 1)),
        (MOLMO, 336, (112, 560), (1, 2)),
        (MOLMO, 336, (112, 112), (1, 1)),
        (MOLMO, 336, (6000, 1), (1, 1)),
        (OVIS, 448, (448, 448), (1, 1)),
        (OVIS, 448, (1344, 448), (3, 1)),
        (OVIS, 448, (1024, 768), (3, 2)),
        # 36 = 6 x 6 enlarges a square most; of 12 tiles 4 x 3 shrinks 4:3 least.
        (PLM, 448, (336, 336), (6, 6)),
        (PLM, 448, (4032, 3024), (4, 3)),
        # 4 x 9 and 4 x 8 enlarge 1:2 alike: the later one in the list wins.
        (PLM, 448, (100, 200), (4, 8)),
        (IDEFICS3, 364, (1, 1), (4, 4)),
        (IDEFICS3, 364, (640, 480), (4, 3)),
        (IDEFICS3, 364, (480, 640), (3, 4)),
        (IDEFICS3, 364, (6000, 1), (4, 1)),
        (PAN_AND_SCAN, 896, (1000, 1000), (1, 1)),
        (PAN_AND_SCAN, 896, (1200, 1000), (2, 1)),
        (PAN_AND_SCAN, 896, (1199, 1000), (1, 1)),
        (PAN_AND_SCAN, 896, (1000, 2500), (1, 3)),
        (PAN_AND_SCAN, 896, (4096, 512), (4, 1)),
        (PAN_AND_SCAN, 896, (510, 256), (1, 1)),
        (PHI35, 336, (336, 336), (4, 4)),
        (PHI35, 336, (1920, 1080), (5, 3)),
        (PHI35, 336, (1080, 1920), (3, 5)),
        (PHI4, 448, (1, 1), (1, 1)),
        (PHI4, 448, (449, 448), (2, 1)),
        (PHI4, 448, (2688, 2688), (6, 6)),
        (PHI4, 448, (2689, 2688), (6, 6)),
    ],
)
def test_grid_worked_out_by_hand(
    chooser: Chooser, tile: int, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert grid(chooser, tile, size) == expected


@given(SIZES)
@THOUSAND
@pytest.mark.parametrize("chooser", [MLLAMA, COHERE, LLAMA4, MOLMO], ids=repr)
def test_least_upscale_never_depends_on_the_order_of_grids(
    chooser: LeastUpscale, image: ImageSize
) -> None:
    columns, rows = grid(chooser, 448, image)
    assert grid(chooser, 448, (image.height, image.width)) == (rows, columns)


@given(SIZES)
@THOUSAND
def test_least_upscale_holds_the_image_with_the_fewest_tiles_where_it_can(
    image: ImageSize,
) -> None:
    across, down = (-(-side // 512) for side in image)
    chosen = grid(COHERE, 512, image)
    if across * down <= 12:
        assert chosen == (across, down)
    else:
        assert chosen[0] * 512 < image.width or chosen[1] * 512 < image.height


@given(SIZES)
@THOUSAND
def test_closest_ratio_is_never_farther_than_any_other_grid(image: ImageSize) -> None:
    columns, rows = grid(INTERNVL, 448, image)
    ratio = image.width / image.height
    distances = [
        abs(ratio - other_columns / other_rows)
        for other_columns in range(1, 13)
        for other_rows in range(1, 12 // other_columns + 1)
    ]
    assert columns * rows <= 12
    assert abs(ratio - columns / rows) == min(distances)


@given(SIZES)
@THOUSAND
def test_long_edge_has_four_tiles_along_the_long_side(image: ImageSize) -> None:
    assert max(grid(IDEFICS3, 364, image)) == 4


@given(SIZES)
@THOUSAND
def test_hd_scale_keeps_within_the_cap_and_turns_with_the_image(image: ImageSize) -> None:
    assume(max(image) / min(image) <= 1000)
    columns, rows = grid(PHI35, 336, image)
    assert columns * rows <= 16
    assert grid(PHI35, 336, (image.height, image.width)) == (rows, columns)


@given(SIZES)
@THOUSAND
def test_largest_canvas_holds_every_image_that_fits_some_canvas(image: ImageSize) -> None:
    columns, rows = grid(PLM, 448, image)
    across, down = (-(-side // 448) for side in image)
    if across * down <= 36:
        assert columns >= across
        assert rows >= down
    assert columns * rows <= 36


def test_hd_scale_refuses_a_short_side_of_nothing() -> None:
    with pytest.raises(RefusedError, match="6000x1: the short side comes to 0 px"):
        PHI35.choose(ImageSize(6000, 1), 336)


def test_uncut_rounds_sides_to_the_factor_one_patch_at_least() -> None:
    uncut = Uncut(max_pixels=524_288, factor=32)
    assert uncut.holds(ImageSize(512, 1024), 16)
    assert uncut.holds(ImageSize(527, 1024), 16)
    assert not uncut.holds(ImageSize(529, 1024), 16)
    # 15 px round to 0, which one patch of 16 px repairs.
    assert uncut.holds(ImageSize(15, 32_768), 16)
    assert not uncut.holds(ImageSize(15, 32_800), 16)


def test_uncut_looks_at_the_longer_side() -> None:
    uncut = Uncut(max_side=640)
    assert uncut.holds(ImageSize(640, 640), 16)
    assert not uncut.holds(ImageSize(1, 641), 16)


def test_uncut_needs_a_bound() -> None:
    with pytest.raises(ValueError, match="expected `max_side` or `max_pixels`"):
        Uncut(factor=32)


@pytest.mark.parametrize(
    ("chooser", "words"),
    [
        (NEXT, "of 5 canvases"),
        (INTERNVL, "1 to 12 tiles"),
        (MLLAMA, "up to 4 tiles"),
        (OVIS, "over 90%"),
        (PLM, "up to 36 tiles"),
        (IDEFICS3, "1,456 px"),
        (PAN_AND_SCAN, "below 256 px"),
        (PHI35, "within 16"),
        (PHI4, "above 36 tiles"),
    ],
)
def test_rule_says_the_parameters(chooser: Chooser, words: str) -> None:
    assert words in chooser.rule


def test_unknown_chooser_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean `closest_ratio`"):
        CHOOSERS.get("closest_ration")
