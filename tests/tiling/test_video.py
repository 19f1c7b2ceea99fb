"""Video policies: frames on their own, and clips whose frames merge into groups."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vlcalc.core.errors import InputError, RefusedError
from vlcalc.tiling.base import VIDEO_POLICIES, ImageSize, VideoPolicy


def video(kind: str, **keys: Any) -> VideoPolicy:
    return VIDEO_POLICIES.get(kind).model_validate({"kind": kind, **keys})


def clip(**keys: Any) -> VideoPolicy:
    return video("clip", **keys)


QWEN2_BOUNDS = {"patch_size": 14, "min_pixels": 3136, "max_pixels": 12_845_056}
QWEN2 = clip(budget="frame", extra={"clip": 2}, **QWEN2_BOUNDS)
QWEN2_CAPPED = clip(budget="frame", cap_tokens=128_000, extra={"clip": 2}, **QWEN2_BOUNDS)
QWEN3 = clip(
    budget="clip", patch_size=16, min_pixels=4096, max_pixels=25_165_824, extra={"group": 2}
)
GLM = clip(
    budget="clip",
    patch_size=14,
    min_pixels=12_544,
    max_pixels=47_040_000,
    extra={"clip": 2, "group": 2},
)
ONEVISION = video(
    "frames", patch_size=14, frame={"kind": "fixed", "size": 384, "tokens": 196}, clip_tokens=1
)
INTERNVL = video(
    "frames",
    patch_size=14,
    frame={"kind": "fixed", "size": 448, "merge_size": 2, "extra": {"image": 2}},
)
ALL = [QWEN2, QWEN2_CAPPED, QWEN3, GLM, ONEVISION, INTERNVL]


@pytest.mark.parametrize(
    ("rule", "num_frames", "frame", "image_tokens", "extra_tokens"),
    [
        # 640 x 360 -> 23 x 13 tokens a group; an odd frame fills a group of its own
        (QWEN2, 1, ImageSize(640, 360), 299, 2),
        (QWEN2, 2, ImageSize(640, 360), 299, 2),
        (QWEN2, 3, ImageSize(640, 360), 598, 2),
        (QWEN2, 33, ImageSize(640, 360), 17 * 299, 2),
        (QWEN2, 100, ImageSize(1920, 1080), 50 * 69 * 39, 2),
        (QWEN3, 3, ImageSize(224, 224), 2 * 49, 4),
        (QWEN3, 3, ImageSize(1280, 720), 2 * 40 * 22, 4),
        (GLM, 3, ImageSize(224, 224), 2 * 64, 6),
        (GLM, 3, ImageSize(1280, 720), 2 * 46 * 26, 6),
        (ONEVISION, 3, ImageSize(640, 360), 3 * 196 + 1, 0),
        (INTERNVL, 3, ImageSize(640, 360), 3 * 256, 6),
    ],
)
def test_tokens(rule, num_frames, frame, image_tokens, extra_tokens):
    tiling = rule.tile(frame, num_frames)
    assert (tiling.image_tokens, tiling.extra_tokens) == (image_tokens, extra_tokens)


def test_a_capped_frame_has_an_even_share_of_the_window():
    # 0.9 * 128,000 * 28^2 px over 50 groups leave 1,806,336 px a frame: 64 x 36 tokens.
    tiling = QWEN2_CAPPED.tile(ImageSize(1920, 1080), 100)
    assert tiling.resized == ImageSize(1792, 1008)
    assert (tiling.num_tiles, tiling.image_tokens) == (50, 115_200)
    assert QWEN2_CAPPED.tile(ImageSize(1920, 1080), 4) == QWEN2.tile(ImageSize(1920, 1080), 4)


def test_the_cap_has_a_floor():
    # An even share would be 0.9 * 100 * 784 * 2 // 600 = 235 px; 1.05 * 3136 = 3292 px remain.
    rule = clip(budget="frame", cap_tokens=100, **QWEN2_BOUNDS)
    assert rule.tile(ImageSize(560, 560), 600).resized == ImageSize(56, 56)


def test_the_whole_clip_shares_one_budget():
    frame = ImageSize(1920, 1080)
    few, many = (GLM.tile(frame, n) for n in (4, 400))
    assert few.resized == ImageSize(1932, 1092)
    assert 400 * many.resized.num_pixels <= 47_040_000


@pytest.mark.parametrize("rule", [QWEN3, GLM])
def test_a_single_frame_is_refused(rule):
    with pytest.raises(RefusedError, match="640x360: the processor refuses clips of fewer than 2"):
        rule.tile(ImageSize(640, 360), 1)


@pytest.mark.parametrize("rule", [QWEN2, QWEN3, GLM])
def test_a_ratio_over_200_is_refused(rule):
    with pytest.raises(RefusedError, match=r"^30x6100: one side is more than 200 times"):
        rule.tile(ImageSize(30, 6100), 4)


def test_no_frames_are_an_error_of_the_user():
    with pytest.raises(InputError, match="expected at least 1 frame, got 0"):
        QWEN2.tile(ImageSize(640, 360), 0)


def test_a_frame_may_have_a_patch_size_of_its_own():
    frame = {"kind": "fixed", "size": 336, "patch_size": 14, "merge_size": 2}
    rule = video("frames", patch_size=16, frame=frame)
    assert rule.tile(ImageSize(640, 360), 2).image_tokens == 2 * 144


@pytest.mark.parametrize(
    "rule",
    [
        clip(budget="frame", min_pixels=1, max_pixels=10**6),
        video("frames", frame={"kind": "fixed", "size": 336}),
    ],
)
def test_a_patch_size_is_needed(rule):
    with pytest.raises(InputError, match="expected `patch_size` in the"):
        rule.tile(ImageSize(64, 64), 2)


def test_a_cap_needs_a_budget_of_frames():
    with pytest.raises(ValidationError, match="expected `budget: frame` beside `cap_tokens`"):
        clip(budget="clip", cap_tokens=1, **QWEN2_BOUNDS)


@pytest.mark.parametrize("rule", ALL)
@settings(max_examples=1000, deadline=None)
@given(width=st.integers(28, 4000), height=st.integers(28, 4000), num_frames=st.integers(2, 900))
def test_steps_sum_to_the_totals(rule, width, height, num_frames):
    frame = ImageSize(width, height)
    tiling, steps = rule.tile(frame, num_frames), rule.explain(frame, num_frames)
    assert sum(step.image_tokens for step in steps) == tiling.image_tokens > 0
    assert sum(step.extra_tokens for step in steps) == tiling.extra_tokens
    assert sum(step.context_tokens for step in steps) == tiling.context_tokens == 0


@pytest.mark.parametrize("rule", [QWEN3, GLM])
@settings(max_examples=1000, deadline=None)
@given(width=st.integers(28, 4000), height=st.integers(28, 4000), num_frames=st.integers(2, 900))
def test_the_budget_of_a_clip_is_kept(rule, width, height, num_frames):
    tiling = rule.tile(ImageSize(width, height), num_frames)
    factor = rule.patch_size * 2
    assert tiling.resized.width % factor == tiling.resized.height % factor == 0
    if min(tiling.resized) > factor:
        # Rounded to whole groups where the clip fits, as they are where it is shrunk: 51 frames of
        # 938 x 938 are over the bound as 52, and then scaled to it as 51.
        least = min(num_frames, round(num_frames / 2) * 2)
        assert least * tiling.resized.num_pixels <= rule.max_pixels
