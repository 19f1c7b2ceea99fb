"""Budget (Gemma 4): up or down to a number of tokens, never above it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.budget import Budget

BUDGETS = (70, 140, 280, 560, 1120)


def gemma4(max_tokens: int) -> Budget:
    keys = {"kind": "budget", "patch_size": 16, "extra": {"image": 2}}
    return Budget.model_validate({**keys, "max_tokens": max_tokens})


@pytest.mark.parametrize(
    ("max_tokens", "image", "columns", "rows"),
    [
        (280, ImageSize(1, 1), 16, 16),  # the root of 280 is 16.7
        (280, ImageSize(4096, 4096), 16, 16),
        (280, ImageSize(1920, 1080), 22, 12),
        (280, ImageSize(640, 480), 19, 14),
        (280, ImageSize(1, 100), 1, 167),
        (70, ImageSize(1, 1), 8, 8),
        (1120, ImageSize(1, 1), 33, 33),
    ],
)
def test_grid(max_tokens, image, columns, rows):
    tiling = gemma4(max_tokens).tile(image)
    assert tiling.resized == ImageSize(48 * columns, 48 * rows)
    assert (tiling.image_tokens, tiling.extra_tokens) == (columns * rows, 2)
    assert tiling.num_patches == 9 * columns * rows


@pytest.mark.parametrize(
    ("image", "columns", "rows"),
    [
        # the short side floors to 0 and is repaired to one token; the long one is capped
        (ImageSize(6000, 1), 280, 1),
        (ImageSize(1, 6000), 1, 280),
        (ImageSize(281, 1), 280, 1),
        (ImageSize(1, 281), 1, 280),
    ],
)
def test_a_side_that_floors_to_0_is_repaired(image, columns, rows):
    assert gemma4(280).tile(image).resized == ImageSize(48 * columns, 48 * rows)


@pytest.mark.parametrize("max_tokens", BUDGETS)
@settings(max_examples=1000, deadline=None)
@given(width=st.integers(1, 10_000), height=st.integers(1, 10_000))
def test_the_budget_is_kept(max_tokens, width, height):
    image, rule = ImageSize(width, height), gemma4(max_tokens)
    tiling, steps = rule.tile(image), rule.explain(image)
    assert 1 <= tiling.image_tokens <= max_tokens
    assert tiling.resized.width % 48 == tiling.resized.height % 48 == 0
    assert sum(step.image_tokens for step in steps) == tiling.image_tokens
    assert sum(step.extra_tokens for step in steps) == tiling.extra_tokens
