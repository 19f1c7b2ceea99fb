"""Grid policy and layouts: hand-worked counts, refusals, and sums that hold for all sizes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import ImageSize, Tiling
from vlcalc.tiling.floored_resize import FlooredResize
from vlcalc.tiling.grid import GridOfTiles

NEXT_CANVASES = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))
SQUARES = tuple((rows, columns) for rows in range(1, 7) for columns in range(1, 7))
WITHIN_NINE = tuple(pair for pair in SQUARES if pair[0] * pair[1] <= 9)


def policy(**keys: Any) -> GridOfTiles:
    """Return a grid policy from the keys of a spec's block."""
    return GridOfTiles.model_validate({"kind": "grid", "patch_size": 14, **keys})


NEXT = policy(
    tile_size=336,
    chooser={"kind": "pinpoint", "order": "height_width", "canvases": NEXT_CANVASES},
    thumbnail="always",
    layout={"kind": "stitched", "newline": True, "unpad": "ratio"},
)
ONEVISION = policy(
    tile_size=384,
    chooser={"kind": "pinpoint", "order": "height_width", "unit": 384, "canvases": SQUARES},
    thumbnail="always",
    layout={"kind": "stitched", "newline": True, "unpad": "ratio", "max_tiles": 9},
)
INTERNVL = policy(
    tile_size=448,
    chooser={"kind": "closest_ratio", "max_tiles": 12},
    merge_size=2,
    thumbnail="if_split",
    extra={"image": 2},
)
MLLAMA = policy(
    tile_size=560,
    chooser={"kind": "least_upscale", "max_tiles": 4},
    prefix_tokens=1,
    placeholders=1,
)
LLAMA4 = policy(
    tile_size=336,
    chooser={"kind": "least_upscale", "max_tiles": 16},
    merge_size=2,
    thumbnail="if_split",
    extra={"image": 3, "column_gap": 1, "tile_row": 1},
)
MOLMO = policy(
    tile_size=336,
    chooser={"kind": "least_upscale", "max_tiles": 12, "margin": 112},
    merge_size=2,
    thumbnail="always",
    layout={"kind": "stitched", "margin": 4},
    extra={"image": 4, "token_row": 1},
)
PHI4 = policy(
    tile_size=448,
    chooser={"kind": "ceil_sides", "max_tiles": 36},
    merge_size=2,
    thumbnail="always",
    layout={
        "kind": "stitched",
        "newline": True,
        "thumbnail_newline": True,
        "separators": 1,
        "unpad": "padding",
        "min_fitted_side": 10,
    },
)
VL2 = policy(
    tile_size=384,
    chooser={"kind": "pinpoint", "order": "width_height", "unit": 384, "canvases": WITHIN_NINE},
    max_split_images=2,
    merge_size=2,
    thumbnail="always",
    layout={"kind": "stitched", "newline": True, "thumbnail_newline": True, "separators": 1},
)
OCR = policy(
    patch_size=16,
    tile_size=640,
    chooser={"kind": "closest_ratio", "min_tiles": 2, "max_tiles": 9},
    uncut={"max_side": 640},
    merge_size=4,
    thumbnail="if_split",
    thumbnail_size=1024,
    layout={"kind": "stitched", "newline": True, "thumbnail_newline": True, "separators": 1},
)
OCR2 = policy(
    patch_size=16,
    tile_size=768,
    chooser={"kind": "closest_ratio", "min_tiles": 2, "max_tiles": 6},
    uncut={"max_side": 768},
    merge_size=4,
    thumbnail="if_split",
    thumbnail_size=1024,
    min_thumbnail_side=1,
    layout={"kind": "per_tile", "separators": 1},
)
LFM2 = policy(
    patch_size=16,
    tile_size=512,
    chooser={"kind": "closest_ratio", "min_tiles": 2, "max_tiles": 10},
    uncut={"max_pixels": 524_288, "factor": 32},
    merge_size=2,
    thumbnail="if_split",
    whole={"kind": "floored_resize", "min_pixels": 65_536, "max_pixels": 262_144},
    extra={"image": 2, "tile": 1, "thumbnail": 1},
)
POLICIES = {
    "llava-next": NEXT,
    "onevision": ONEVISION,
    "internvl": INTERNVL,
    "mllama": MLLAMA,
    "llama4": LLAMA4,
    "molmo": MOLMO,
    "phi4": PHI4,
    "deepseek-vl2": VL2,
    "deepseek-ocr": OCR,
    "deepseek-ocr2": OCR2,
    "lfm2-vl": LFM2,
}
SIZES = st.builds(ImageSize, st.integers(1, 6000), st.integers(1, 6000))


def tile(rule: GridOfTiles, width: int, height: int, **keys: int) -> Tiling:
    """Return the tiling of one image."""
    return rule.tile(ImageSize(width, height), **keys)


@pytest.mark.parametrize(
    ("rule", "size", "image_tokens", "num_tiles"),
    [
        # 576 + 48 x 48 + 48 newlines: a square is not cut back.
        (NEXT, (980, 980), 576 + 48 * 48 + 48, 5),
        # 1920x1080 in 48 x 48: 27 rows are used, 10 cut off at each edge leave 28.
        (NEXT, (1920, 1080), 576 + 48 * 28 + 28, 5),
        # All rows are cut off in pairs: nothing is left but the whole image.
        (NEXT, (6000, 1), 576, 3),
        # 6 x 5 tiles of 27 give 162 x 122 after cutting, shrunk by 1.735 to 93 x 70.
        (ONEVISION, (4032, 3024), 729 + 93 * 70 + 70, 31),
        (INTERNVL, (336, 336), 256, 1),
        (INTERNVL, (896, 896), 5 * 256, 5),
        (INTERNVL, (1920, 1080), 9 * 256, 9),
        (LLAMA4, (336, 336), 144, 1),
        (LLAMA4, (1920, 1080), 16 * 144, 16),
        # 3 x 4 tiles: 16 x 3 + 8 patches down, 16 x 4 + 8 across, pooled by two.
        (MOLMO, (1024, 768), 144 + 28 * 36, 13),
        (PHI4, (448, 448), 256 + 16 + 1 + 16 * 16 + 16, 2),
        (VL2, (336, 336), 14 * 15 + 1 + 14 * 15, 2),
        (VL2, (640, 480), 14 * 15 + 1 + 28 * 29, 5),
        (OCR, (640, 640), 16 * 17 + 1, 1),
        (OCR, (641, 640), 16 * 17 + 1 + 20 * 21, 5),
        (OCR2, (768, 768), 257, 1),
        (OCR2, (1024, 768), 257 + 6 * 144, 7),
        (LFM2, (336, 336), 100, 1),
        (LFM2, (1024, 768), 6 * 256 + 18 * 13, 7),
    ],
)
def test_image_tokens_worked_out_by_hand(
    rule: GridOfTiles, size: tuple[int, int], image_tokens: int, num_tiles: int
) -> None:
    tiling = tile(rule, *size)
    assert (tiling.image_tokens, tiling.num_tiles) == (image_tokens, num_tiles)


def test_cross_attended_vectors_leave_a_placeholder() -> None:
    tiling = tile(MLLAMA, 1024, 768)
    assert (tiling.image_tokens, tiling.context_tokens) == (1, 4 * 1601)
    assert tiling.num_patches == 4 * 1600


def test_extra_tokens_of_gaps_rows_and_token_rows() -> None:
    # 5 x 3 tiles: 3 + 3 rows x 4 gaps + 3 rows.
    assert tile(LLAMA4, 1920, 1080).extra_tokens == 3 + 12 + 3
    assert tile(LLAMA4, 336, 336).extra_tokens == 3
    # 12 rows of the thumbnail, 28 of the map, 4 marks.
    assert tile(MOLMO, 1024, 768).extra_tokens == 12 + 28 + 4
    assert tile(LFM2, 1024, 768).extra_tokens == 2 + 6 + 1


def test_views_are_tiles_then_the_thumbnail() -> None:
    tiling = tile(OCR, 641, 640)
    assert [(view.name, view.number, view.columns) for view in tiling.views] == [
        ("tile", 4, 40),
        ("thumbnail", 1, 64),
    ]
    assert tiling.resized == ImageSize(1280, 1280)
    assert tile(OCR, 640, 640).resized == ImageSize(1024, 1024)


def test_overlapping_tiles_come_from_a_smaller_canvas() -> None:
    assert tile(MOLMO, 1024, 768).resized == ImageSize(4 * 224 + 112, 3 * 224 + 112)


def test_many_images_in_a_prompt_are_not_cut() -> None:
    assert tile(VL2, 1920, 1080, num_images=2).num_tiles == 9
    assert tile(VL2, 1920, 1080, num_images=3).image_tokens == 421
    rules = [step.rule for step in VL2.explain(ImageSize(1920, 1080), num_images=3)]
    assert rules[0] == "not cut: more than 2 images in the prompt"


@pytest.mark.parametrize(
    ("size", "tokens"),
    [(512, 73), (640, 111), (1024, 273), (1280, 421)],
)
def test_fixed_modes_count_newlines_and_the_separator(size: int, tokens: int) -> None:
    keys = {**OCR.model_dump(exclude_defaults=True), "chooser": {"kind": "single"}}
    rule = GridOfTiles.model_validate({**keys, "thumbnail_size": size})
    assert tile(rule, 4000, 17).image_tokens == tokens


def test_a_resampler_sets_the_vectors_of_a_tile() -> None:
    keys = INTERNVL.model_dump(exclude_defaults=True)
    rule = GridOfTiles.model_validate({**keys, "tokens_per_tile": 64})
    assert tile(rule, 896, 896).image_tokens == 5 * 64


def test_portrait_costs_more_newlines_than_landscape() -> None:
    assert tile(VL2, 1080, 1920).image_tokens - tile(VL2, 1920, 1080).image_tokens == 28


def test_thumbnail_side_of_nothing_is_refused() -> None:
    tile(OCR2, 2047, 1)
    with pytest.raises(RefusedError, match="2049x1: a side comes to under 1 px in a thumbnail"):
        tile(OCR2, 2049, 1)


def test_thin_image_in_its_canvas_is_refused() -> None:
    tile(PHI4, 44, 1)
    with pytest.raises(RefusedError, match="45x1: a side comes to under 10 px in a canvas"):
        tile(PHI4, 45, 1)


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"whole": {"kind": "fixed", "size": 448}, "thumbnail_size": 448}, "not both"),
        ({"tokens_per_tile": 64, "layout": {"kind": "stitched"}}, "`per_tile` only"),
        ({"prefix_tokens": 1, "layout": {"kind": "stitched"}}, "`per_tile` only"),
        ({"layout": {"kind": "stitched", "min_fitted_side": 10}}, "`unpad: padding` only"),
        ({"layout": {"kind": "per_tile", "newline": True}}, "newline"),
    ],
)
def test_options_without_an_effect_are_refused(keys: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        policy(tile_size=448, chooser={"kind": "single"}, **keys)


@pytest.mark.parametrize("name", POLICIES)
@given(image=SIZES, num_images=st.integers(1, 4))
@settings(max_examples=1000, deadline=None)
def test_steps_sum_to_the_tiling(name: str, image: ImageSize, num_images: int) -> None:
    rule = POLICIES[name]
    try:
        tiling = rule.tile(image, num_images=num_images)
    except RefusedError:
        reject()  # hypothesis fails where too few are left
    steps = rule.explain(image, num_images=num_images)
    assert sum(step.image_tokens for step in steps) == tiling.image_tokens
    assert sum(step.extra_tokens for step in steps) == tiling.extra_tokens
    assert sum(step.context_tokens for step in steps) == tiling.context_tokens


@given(image=SIZES)
@settings(max_examples=1000, deadline=None)
def test_floored_resize_keeps_sides_in_multiples_and_the_budget(image: ImageSize) -> None:
    rule = FlooredResize(
        kind="floored_resize", patch_size=16, min_pixels=65_536, max_pixels=262_144
    )
    tiling = rule.tile(image)
    width, height = tiling.resized
    assert width % 32 == height % 32 == 0
    assert tiling.image_tokens * 32 * 32 == width * height >= 65_536
    assert width * height <= 262_144 or 32 in tiling.resized
    assert sum(step.image_tokens for step in rule.explain(image)) == tiling.image_tokens
