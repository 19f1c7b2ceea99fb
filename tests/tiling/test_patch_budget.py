"""Patch budget: the two Kimi readings, and that padding comes after the budget."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.patch_budget import PatchBudget


def kimi(**keys: Any) -> PatchBudget:
    common = {"kind": "patch_budget", "patch_size": 14, "extra": {"image": 4}}
    return PatchBudget.model_validate({**common, **keys})


KIMI_VL = kimi(max_patches=4096, long_side="refuse")
KIMI_K25 = kimi(max_patches=16_384, long_side="shrink")


@pytest.mark.parametrize(
    ("rule", "image", "image_tokens"),
    [
        (KIMI_VL, ImageSize(896, 896), 32 * 32),
        (KIMI_VL, ImageSize(1920, 1080), 1032),
        (KIMI_VL, ImageSize(6000, 1), 215),
        (KIMI_VL, ImageSize(1, 1), 1),
        (KIMI_K25, ImageSize(1920, 1080), 69 * 39),
        (KIMI_K25, ImageSize(4032, 3024), 4144),
        (KIMI_K25, ImageSize(4096, 512), 2793),
        (KIMI_K25, ImageSize(6000, 1), 215),
    ],
)
def test_image_tokens(rule, image, image_tokens):
    tiling = rule.tile(image)
    assert (tiling.image_tokens, tiling.extra_tokens) == (image_tokens, 4)
    assert tiling.num_patches == 4 * image_tokens


def test_padding_may_exceed_the_budget():
    # 146 x 146 patches shrink to 897 px a side, which is padded to 924 px, 33 tokens.
    tiling = KIMI_VL.tile(ImageSize(2048, 2048))
    assert tiling.resized == ImageSize(924, 924)
    assert (tiling.image_tokens, tiling.num_patches) == (1089, 4356)


def test_a_side_of_512_patches_is_refused():
    assert KIMI_VL.tile(ImageSize(14, 7140)).image_tokens == 255
    with pytest.raises(RefusedError, match=r"^14x7141: a side has 512 patches, .* 512 or more$"):
        KIMI_VL.tile(ImageSize(14, 7141))


def test_a_long_side_is_shrunk_and_never_vanishes():
    tiling = KIMI_K25.tile(ImageSize(1, 100_000))
    assert tiling.image_tokens == 256
    assert tiling.resized == ImageSize(28, 7168)


@pytest.mark.parametrize("rule", [KIMI_VL, KIMI_K25])
@settings(max_examples=1000, deadline=None)
@given(width=st.integers(1, 7000), height=st.integers(1, 7000))
def test_sides_are_multiples_and_the_excess_is_at_most_the_padding(rule, width, height):
    image = ImageSize(width, height)
    tiling, steps = rule.tile(image), rule.explain(image)
    assert tiling.resized.width % 28 == tiling.resized.height % 28 == 0
    view = tiling.views[0]
    # Rounding a side down before the budget and up after it is worth under three patches a side.
    assert (view.columns - 3) * (view.rows - 3) <= rule.max_patches
    assert max(view.columns, view.rows) <= rule.max_side_patches
    assert sum(step.image_tokens for step in steps) == tiling.image_tokens
    assert sum(step.extra_tokens for step in steps) == tiling.extra_tokens
