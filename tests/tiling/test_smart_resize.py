"""Smart resize: values worked out by hand, and what the budget promises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.smart_resize import Bounds, SmartResize, smart_resize, smart_resize_clip


def policy(**keys: Any) -> SmartResize:
    return SmartResize.model_validate({"kind": "smart_resize", "extra": {"image": 2}, **keys})


QWEN2 = policy(patch_size=14, min_pixels=3136, max_pixels=12_845_056)
QWEN2_1280 = policy(patch_size=14, min_pixels=200_704, max_pixels=1_003_520)
QWEN3 = policy(patch_size=16, min_pixels=65_536, max_pixels=16_777_216)
GLM = policy(patch_size=14, min_pixels=12_544, max_pixels=9_633_792, temporal_patch_size=2)
ALL = [QWEN2, QWEN2_1280, QWEN3, GLM]


@pytest.mark.parametrize(
    ("rule", "image", "image_tokens"),
    [
        (QWEN2, ImageSize(1920, 1080), 69 * 39),
        (QWEN2, ImageSize(4032, 3024), 144 * 108),
        (QWEN2_1280, ImageSize(1920, 1080), 1222),
        (QWEN2_1280, ImageSize(336, 336), 256),
        (QWEN3, ImageSize(4096, 512), 2048),
        (GLM, ImageSize(4032, 3024), 6030),
        (QWEN2, ImageSize(1, 1), 4),
        (GLM, ImageSize(1, 1), 9),
        (QWEN3, ImageSize(1, 1), 64),
        (GLM, ImageSize(1, 100), 100),
    ],
)
def test_image_tokens(rule, image, image_tokens):
    tiling = rule.tile(image)
    assert (tiling.image_tokens, tiling.extra_tokens) == (image_tokens, 2)
    assert tiling.num_patches == 4 * image_tokens


@pytest.mark.parametrize(
    ("side", "resized"),
    [
        (42, 56),  # 1.5 factors round to 2
        (70, 56),  # 2.5 factors round to 2: half to even
        (71, 84),
        (98, 112),  # 3.5 factors round to 4
    ],
)
def test_halves_round_to_even(side, resized):
    bounds = Bounds(factor=28, min_pixels=1, max_pixels=12_845_056)
    assert smart_resize(ImageSize(side, 280), bounds) == ImageSize(resized, 280)


@pytest.mark.parametrize("rule", ALL)
def test_a_ratio_of_200_passes_and_more_is_refused(rule):
    assert rule.tile(ImageSize(200, 1)).image_tokens > 0
    assert rule.tile(ImageSize(56, 11_200)).image_tokens > 0
    for image in (ImageSize(1, 201), ImageSize(201, 1), ImageSize(56, 11_201)):
        with pytest.raises(RefusedError, match=f"^{image}: one side is more than 200 times"):
            rule.tile(image)


def test_a_side_never_falls_below_the_factor_even_over_the_budget():
    bounds = Bounds(factor=28, min_pixels=1, max_pixels=10 * 28 * 28)
    assert smart_resize(ImageSize(4000, 20), bounds) == ImageSize(44 * 28, 28)


def test_whole_groups_decide_whether_the_clip_is_over_its_budget():
    bounds = Bounds(factor=32, min_pixels=1, max_pixels=4 * 64 * 64)
    frame = ImageSize(64, 64)
    # 5 frames round to 4, half to even, so the bound is not hit; 6 frames are over it.
    assert smart_resize_clip(frame, 5, 2, bounds) == ImageSize(64, 64)
    assert smart_resize_clip(frame, 6, 2, bounds) == ImageSize(32, 32)


def test_small_sides_of_a_clip_are_scaled_up_together():
    bounds = Bounds(factor=28, min_pixels=1, max_pixels=12_845_056)
    assert smart_resize_clip(ImageSize(7, 70), 2, 2, bounds) == ImageSize(28, 280)


def test_a_clip_shorter_than_a_group_is_refused():
    bounds = Bounds(factor=28, min_pixels=1, max_pixels=12_845_056)
    with pytest.raises(RefusedError, match="28x28: the processor refuses clips of fewer than 2"):
        smart_resize_clip(ImageSize(28, 28), 1, 2, bounds)


@pytest.mark.parametrize("rule", ALL)
@settings(max_examples=1000, deadline=None)
@given(short=st.integers(1, 5000), ratio=st.floats(1, 199), upright=st.booleans())
def test_sides_are_multiples_within_the_budget(rule, short, ratio, upright):
    sides = (short, min(int(short * ratio), 100_000))
    image = ImageSize(*(sides if upright else sides[::-1]))
    tiling, steps = rule.tile(image), rule.explain(image)
    factor, frames = rule.patch * 2, rule.temporal_patch_size or 1
    assert tiling.resized.width % factor == tiling.resized.height % factor == 0
    assert tiling.image_tokens * factor**2 == tiling.resized.num_pixels
    assert frames * tiling.resized.num_pixels >= rule.min_pixels
    if min(tiling.resized) > factor:
        assert frames * tiling.resized.num_pixels <= rule.max_pixels
    assert sum(step.image_tokens for step in steps) == tiling.image_tokens
    assert sum(step.extra_tokens for step in steps) == tiling.extra_tokens
