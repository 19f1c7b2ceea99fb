"""Slices (MiniCPM) and parts (Idefics2, Aria): hand-worked counts and sums for all sizes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import ImageSize, TilingPolicy
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.parts import Parts
from vlcalc.tiling.slices import Slices

EXTRA = ExtraTokens(image=5, tile=2, row_gap=1)
QUERIES = Slices(
    kind="slices", patch_size=14, tile_size=448, max_slices=9, tokens_per_slice=64, extra=EXTRA
)
MERGED = Slices(
    kind="slices", patch_size=14, tile_size=448, max_slices=9, merge_size=4, extra=EXTRA
)
IDEFICS2 = Parts(
    kind="parts",
    patch_size=14,
    quarters=True,
    longest_side=980,
    shortest_side=378,
    enlarge=False,
    tokens_per_part=64,
    extra=ExtraTokens(image=1, view=1),
)
ARIA_SPLIT = Parts.model_validate(
    {
        "kind": "parts",
        "patch_size": 14,
        "longest_side": 980,
        "shortest_side": 336,
        "enlarge": True,
        "tokens_per_part": 256,
        "chooser": {
            "kind": "pinpoint",
            "order": "height_width",
            "unit": 490,
            "canvases": ((1, 2), (2, 2), (2, 3), (1, 4), (2, 1), (3, 1)),
        },
        "extra": {"image": 2},
    }
)
RULES = {"queries": QUERIES, "merged": MERGED, "idefics2": IDEFICS2, "aria": ARIA_SPLIT}


@pytest.mark.parametrize(
    ("size", "columns", "rows", "image_tokens", "extra_tokens"),
    [
        # 448 x 448 px is one slice's worth: not cut.
        ((448, 448), 1, 1, 64, 5),
        ((640, 480), 2, 1, 3 * 64, 5 + 2 * 2),
        # 4 slices' worth; of 3, 4 and 5 slices 2 x 2 is closest to 4:3.
        ((1024, 768), 2, 2, 5 * 64, 5 + 4 * 2 + 1),
        # 3 slices' worth: one more (2 x 2) is closer to 4:3, one fewer (2 x 1) closer to 5:3.
        ((800, 600), 2, 2, 5 * 64, 5 + 4 * 2 + 1),
        ((1000, 600), 2, 1, 3 * 64, 5 + 2 * 2),
        ((4032, 3024), 3, 3, 10 * 64, 5 + 9 * 2 + 2),
        ((6000, 1), 1, 1, 64, 5),
    ],
)
def test_slices_worked_out_by_hand(
    size: tuple[int, int], columns: int, rows: int, image_tokens: int, extra_tokens: int
) -> None:
    tiling = QUERIES.tile(ImageSize(*size))
    assert (tiling.columns, tiling.rows) == (columns, rows)
    assert (tiling.image_tokens, tiling.extra_tokens) == (image_tokens, extra_tokens)


def test_merged_slices_follow_the_ratio() -> None:
    # The whole image is fitted to 504x392 (9 x 7 tokens of 56 px), each slice likewise.
    tiling = MERGED.tile(ImageSize(1024, 768))
    assert [view.num_patches // 16 for view in tiling.views] == [63, 4 * 63]
    assert tiling.image_tokens == 315


def test_a_small_image_that_is_not_cut_is_enlarged() -> None:
    assert QUERIES.tile(ImageSize(7, 7)).num_patches == 32 * 32


def test_quarters_and_the_whole_image() -> None:
    tiling = IDEFICS2.tile(ImageSize(980, 980))
    assert (tiling.image_tokens, tiling.extra_tokens, tiling.num_tiles) == (320, 6, 5)
    assert tiling.num_patches == 4 * 35 * 35 + 70 * 70


def test_quarters_take_the_odd_pixel_on_the_right_and_below() -> None:
    # 759 = 379 + 380 px: 27.1 patches round up to 28 on both sides.
    assert IDEFICS2.tile(ImageSize(757, 757)).num_patches == 27 * 27 + 2 * 27 * 28 + 28 * 28 + 55**2


def test_a_row_of_pixels_cannot_be_quartered() -> None:
    with pytest.raises(RefusedError, match=r"28x1: .* a defect of transformers 5\.23"):
        IDEFICS2.tile(ImageSize(28, 1))
    assert IDEFICS2.tile(ImageSize(1, 28)).image_tokens == 320


def test_uncut_image_is_one_part() -> None:
    rule = IDEFICS2.model_copy(update={"quarters": False})
    tiling = rule.tile(ImageSize(28, 1))
    assert (tiling.image_tokens, tiling.extra_tokens, tiling.num_tiles) == (64, 2, 1)


def test_canvas_is_cut_into_squares_and_the_rest() -> None:
    # 1470x980: a square of 980 px and a strip of 490x980, which stays 35 patches wide.
    tiling = ARIA_SPLIT.tile(ImageSize(1024, 768))
    assert (tiling.columns, tiling.rows, tiling.resized) == (2, 1, ImageSize(1470, 980))
    assert (tiling.image_tokens, tiling.num_patches) == (512, 70 * 70 + 35 * 70)


def test_quarters_and_canvases_exclude_each_other() -> None:
    keys = ARIA_SPLIT.model_dump(exclude_defaults=True)
    with pytest.raises(ValueError, match="`quarters` or `chooser`, not both"):
        Parts.model_validate({**keys, "quarters": True})


@pytest.mark.parametrize("name", RULES)
@given(image=st.builds(ImageSize, st.integers(1, 6000), st.integers(2, 6000)))
@settings(max_examples=1000, deadline=None)
def test_steps_sum_to_the_tiling(name: str, image: ImageSize) -> None:
    rule: TilingPolicy = RULES[name]
    tiling, steps = rule.tile(image), rule.explain(image)
    assert sum(step.image_tokens for step in steps) == tiling.image_tokens
    assert sum(step.extra_tokens for step in steps) == tiling.extra_tokens
    assert sum(step.context_tokens for step in steps) == tiling.context_tokens
