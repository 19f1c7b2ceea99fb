"""The policy `fit`: shrink to a side or a box, then whole patches; both ways of rounding."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.fit import FitInside


def fit(**keys: Any) -> FitInside:
    return FitInside.model_validate({"kind": "fit", "extra": {"token_row": 1}, **keys})


PIXTRAL = fit(patch_size=16, max_side=1024)
PIXTRAL_ROUND = fit(patch_size=16, max_side=1024, rounding="round")
MISTRAL = fit(patch_size=14, merge_size=2, max_side=1540)
FUYU = fit(patch_size=30, max_width=1920, max_height=1080, encoder=False)
ALL = [PIXTRAL, PIXTRAL_ROUND, MISTRAL, FUYU]


@pytest.mark.parametrize(
    ("rule", "image", "columns", "rows"),
    [
        (PIXTRAL, ImageSize(336, 336), 21, 21),
        (PIXTRAL, ImageSize(1920, 1080), 64, 36),
        (PIXTRAL, ImageSize(1080, 1920), 36, 64),
        (PIXTRAL, ImageSize(1, 1), 1, 1),
        (PIXTRAL, ImageSize(17, 16), 2, 1),
        (MISTRAL, ImageSize(1920, 1080), 55, 31),
        (MISTRAL, ImageSize(4032, 3024), 55, 42),
        (FUYU, ImageSize(1920, 1080), 64, 36),
        # 2480 * 1080 / 3508 = 763.5 -> 763 px
        (FUYU, ImageSize(2480, 3508), 26, 36),
        (FUYU, ImageSize(31, 30), 2, 1),
    ],
)
def test_a_token_a_patch_and_a_break_a_row(rule, image, columns, rows):
    tiling = rule.tile(image)
    assert (tiling.image_tokens, tiling.extra_tokens) == (columns * rows, rows)


def test_merged_patches_are_counted_before_the_merge():
    tiling = MISTRAL.tile(ImageSize(1920, 1080))
    assert (tiling.views[0].columns, tiling.views[0].rows) == (110, 62)


def test_without_an_encoder_there_are_no_patches():
    tiling = FUYU.tile(ImageSize(1920, 1080))
    assert (tiling.num_patches, tiling.num_tiles) == (0, 1)
    assert "patches" not in [step.name for step in FUYU.explain(ImageSize(1920, 1080))]


def test_flooring_and_rounding_differ_by_a_row():
    image = ImageSize(4096, 67)  # a quarter is 16.75 px high: floored 1 row, rounded 2
    assert PIXTRAL.tile(image).image_tokens == 64
    assert PIXTRAL_ROUND.tile(image).image_tokens == 128
    # 16.5 px round to 16, half to even
    assert PIXTRAL_ROUND.tile(ImageSize(4096, 66)).image_tokens == 64


@pytest.mark.parametrize("rule", [PIXTRAL, MISTRAL, FUYU])
def test_a_side_that_falls_to_0_px_is_refused(rule):
    with pytest.raises(RefusedError, match=r"^6000x1: shrunk to fit, one side falls to 0 px"):
        rule.tile(ImageSize(6000, 1))


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"max_width": 1920},
        {"max_side": 1024, "max_width": 1920, "max_height": 1080},
        {"max_side": 1024, "max_height": 1080},
    ],
)
def test_the_limit_is_a_side_or_a_box(keys):
    with pytest.raises(ValidationError, match="either `max_side`, or `max_width` and `max_height`"):
        fit(patch_size=16, **keys)


@pytest.mark.parametrize("rule", ALL)
@settings(max_examples=1000, deadline=None)
@given(width=st.integers(1, 6000), height=st.integers(1, 6000))
def test_never_enlarged_never_over_the_limit(rule, width, height):
    image = ImageSize(width, height)
    try:
        tiling, steps = rule.tile(image), rule.explain(image)
    except RefusedError:
        assert max(image) / min(image) > 1000
        reject()  # hypothesis fails where too few are left
    limit = (rule.max_width or rule.max_side, rule.max_height or rule.max_side)
    assert all(
        new <= min(old, most) for new, old, most in zip(tiling.resized, image, limit, strict=True)
    )
    if all(side <= most for side, most in zip(image, limit, strict=True)):
        assert tiling.resized == image
    factor = rule.patch * rule.merge_size
    assert tiling.image_tokens * factor**2 >= tiling.resized.num_pixels
    assert sum(step.image_tokens for step in steps) == tiling.image_tokens
    assert sum(step.extra_tokens for step in steps) == tiling.extra_tokens
