"""The fixed policy: a constant number of tokens, and what little depends on the image's shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vlcalc.core.errors import InputError
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.fixed import Fixed

SIDES = st.integers(1, 6000)


def fixed(**keys: Any) -> Fixed:
    return Fixed.model_validate({"kind": "fixed", **keys})


LLAVA = fixed(size=336, patch_size=14, fit="crop")
IDEFICS = fixed(size=224, patch_size=14, tokens=64, placeholders=1, extra={"image": 2})
ARIA = fixed(size=980, patch_size=14, fit="pad", min_side=336, mask_padding=True, tokens=256)
DEEPSEEK = fixed(size=384, patch_size=16, fit="pad", min_side=14)


@pytest.mark.parametrize(
    ("keys", "image_tokens", "num_patches"),
    [
        ({"size": 336, "patch_size": 14, "fit": "crop"}, 576, 576),
        ({"size": 224, "patch_size": 14, "prefix_tokens": 1}, 257, 256),
        ({"size": 1024, "patch_size": 16, "merge_size": 4}, 256, 4096),
        ({"size": 896, "patch_size": 14, "merge_size": 4}, 256, 4096),
        ({"size": 224, "patch_size": 14, "tokens": 32}, 32, 256),
        ({"size": 384, "patch_size": 14}, 729, 729),
    ],
)
def test_tokens_follow_from_the_grid_unless_given(keys, image_tokens, num_patches):
    tiling = fixed(**keys).tile(ImageSize(1920, 1080))
    assert (tiling.image_tokens, tiling.num_patches) == (image_tokens, num_patches)
    assert (tiling.extra_tokens, tiling.context_tokens, tiling.num_tiles) == (0, 0, 1)


def test_cross_attended_vectors_leave_a_placeholder():
    tiling = IDEFICS.tile(ImageSize(640, 480))
    assert (tiling.image_tokens, tiling.extra_tokens, tiling.context_tokens) == (1, 2, 64)


@pytest.mark.parametrize(
    ("image", "columns", "rows"),
    [
        (ImageSize(980, 980), 70, 70),
        # 2480 * 980 / 3508 = 692.8 -> 692 px, of which the last patch is part padding
        (ImageSize(2480, 3508), 50, 70),
        (ImageSize(1920, 1080), 70, 40),
        # the short side is stretched to 336 px
        (ImageSize(1, 28), 24, 70),
        (ImageSize(28, 1), 70, 24),
    ],
)
def test_masked_padding_is_not_counted(image, columns, rows):
    view = ARIA.tile(image).views[0]
    assert (view.columns, view.rows) == (columns, rows)


def test_padding_that_is_not_masked_is_encoded():
    tiling = DEEPSEEK.tile(ImageSize(1920, 1080))
    assert (tiling.num_patches, tiling.resized) == (576, ImageSize(384, 384))
    resize = DEEPSEEK.explain(ImageSize(6000, 1))[0]
    assert resize.rule == "resized to 384x14 and padded to a square"


def test_a_defect_of_the_processor_is_a_caveat():
    policy = fixed(size=224, patch_size=14, defect_height_px=1, defect="a defect of it")
    assert policy.caveat(ImageSize(1, 2)) == ""
    for width in (1, 28, 6000):
        assert policy.tile(ImageSize(width, 1)).image_tokens == 256
        assert policy.caveat(ImageSize(width, 1)) == "a defect of it"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"mask_padding": True}, "expected `fit: pad`"),
        ({"min_side": 14}, "expected `fit: pad`"),
        ({"fit": "pad", "min_side": 225}, "`min_side` of at most `size`"),
        ({"defect_height_px": 2}, "`defect` beside `defect_height_px`"),
    ],
)
def test_keys_that_would_be_ignored_are_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        fixed(size=224, patch_size=14, **keys)


def test_a_patch_size_is_needed():
    with pytest.raises(InputError, match="expected `patch_size` in the tiling block"):
        fixed(size=224).tile(ImageSize(224, 224))


@pytest.mark.parametrize("policy", [LLAVA, IDEFICS, ARIA, DEEPSEEK])
@settings(max_examples=1000, deadline=None)
@given(width=SIDES, height=SIDES)
def test_any_size_costs_the_same_and_steps_sum_to_it(policy, width, height):
    image = ImageSize(width, height)
    tiling, steps = policy.tile(image), policy.explain(image)
    square = policy.tile(ImageSize(100, 100))
    assert tiling.sequence_tokens == square.sequence_tokens
    assert 0 < tiling.num_patches <= square.num_patches
    assert sum(step.image_tokens for step in steps) == tiling.image_tokens
    assert sum(step.extra_tokens for step in steps) == tiling.extra_tokens
    assert sum(step.context_tokens for step in steps) == tiling.context_tokens
