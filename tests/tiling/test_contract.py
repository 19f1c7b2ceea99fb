"""What must hold for every spec of the catalogue, whatever its policy: a new one is tested too."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from vlcalc.core.errors import RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.spec import catalogue
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.loader import build_entry
from vlcalc.spec.schema import Spec
from vlcalc.tiling.base import POLICIES, Step, Tiling, TilingPolicy
from vlcalc.tiling.extra import ExtraTokens

NUM_SIZES = 150
MAX_SIDE_PX = 100_000
ENTRIES = [entry for kind in ("model", "api") for entry in catalogue.entries(kind)]

VIDEOS = [entry for entry in ENTRIES if build_entry(entry).video]


def random_sizes(seed: str, number: int) -> list[ImageSize]:
    """Return sizes whose sides are spread evenly over the magnitudes from 1 to 100,000 px."""
    rng = random.Random(seed)
    top = math.log(MAX_SIDE_PX)
    sides = [int(math.exp(rng.uniform(0, top))) for _ in range(2 * number)]
    return [ImageSize(*pair) for pair in zip(sides[::2], sides[1::2], strict=True)]


def policies_of(spec: Spec) -> list[TilingPolicy]:
    if isinstance(spec, ApiSpec):
        return [spec.tiling_for(level) for level in spec.details]
    return [spec.tiling]


def assert_sound(tiling: Tiling, steps: tuple[Step, ...]) -> None:
    counts = (tiling.image_tokens, tiling.extra_tokens, tiling.context_tokens)
    assert all(type(count) is int and count >= 0 for count in counts)
    assert tiling.image_tokens + tiling.context_tokens > 0
    assert min(tiling.columns, tiling.rows) >= 1
    assert min(tiling.resized) >= 1
    summed = (
        sum(step.image_tokens for step in steps),
        sum(step.extra_tokens for step in steps),
        sum(step.context_tokens for step in steps),
    )
    assert summed == counts


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_any_size_is_counted_or_refused_with_a_reason(entry: catalogue.Entry) -> None:
    num_counted = 0
    policies = policies_of(build_entry(entry))
    for policy in policies:
        for size in random_sizes(entry.name, NUM_SIZES):
            try:
                tiling = policy.tile(size)
            except RefusedError as refusal:
                assert str(size) in str(refusal)  # noqa: PT017
                continue
            assert_sound(tiling, policy.explain(size))
            assert policy.tile(size) == tiling
            num_counted += 1
    assert num_counted > len(policies) * NUM_SIZES / 3


@pytest.mark.parametrize("entry", VIDEOS, ids=lambda entry: entry.name)
def test_any_clip_is_counted_or_refused_with_a_reason(entry: catalogue.Entry) -> None:
    video = build_entry(entry).video
    assert video is not None
    num_counted = 0
    for number, size in enumerate(random_sizes(entry.name, 40), 1):
        try:
            tiling = video.tile(size, number)
        except RefusedError as refusal:
            assert str(size) in str(refusal) or "frame" in str(refusal)  # noqa: PT017
            continue
        assert_sound(tiling, video.explain(size, number))
        num_counted += 1
    assert num_counted > 20


@pytest.mark.parametrize("kind", POLICIES.names())
def test_every_policy_says_what_it_merges_and_adds(kind: str) -> None:
    policy: Any = POLICIES.get(kind)
    fields, bare = policy.model_fields, policy.model_construct(kind=kind)
    merged = fields["merge_size"].default if "merge_size" in fields else 1
    assert bare.merge_size == merged
    assert bare.extra == ExtraTokens()
    changed = policy.model_construct(kind=kind, merge_size=5, extra=ExtraTokens(image=7))
    assert changed.merge_size == (5 if "merge_size" in fields else 1)
    assert changed.extra.image == (7 if "extra" in fields else 0)
