"""How many frames fit beside text and reserve, against counting one after another."""

from __future__ import annotations

import pytest

from vlcalc.core.errors import RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.spec import catalogue
from vlcalc.spec.loader import build_entry
from vlcalc.spec.schema import ModelSpec
from vlcalc.tiling.base import VideoPolicy
from vlcalc.tokens.window import frames_that_fit

FRAME = ImageSize(448, 336)
MOST = 40


def video_policies() -> dict[str, VideoPolicy]:
    specs = [build_entry(entry) for entry in catalogue.entries("model")]
    return {spec.name: spec.video for spec in specs if isinstance(spec, ModelSpec) and spec.video}


def tokens_of(policy: VideoPolicy, num_frames: int) -> int | None:
    try:
        return policy.tile(FRAME, num_frames).sequence_tokens
    except RefusedError:
        return None


@pytest.mark.parametrize("name", sorted(video_policies()))
def test_frames_that_fit_are_those_counted_one_by_one(name: str) -> None:
    policy = video_policies()[name]
    costs = [tokens_of(policy, number) for number in range(1, MOST + 1)]
    grows = [cost for cost in costs if cost is not None]
    assert len(grows) > MOST / 2
    for most in (1, 2, 3, 4, 7):
        room = costs[most - 1]
        if room is None or grows[-1] <= room or grows != sorted(grows):
            continue  # the model refuses so few, or a clip is as long as its budget
        fitting = [n for n, cost in enumerate(costs, 1) if cost is not None and cost <= room]
        assert frames_that_fit(policy, FRAME, room) == fitting[-1]


def test_two_frames_that_just_fit() -> None:
    policy = video_policies()["qwen2-vl-7b"]
    two = tokens_of(policy, 2)
    assert two is not None
    assert frames_that_fit(policy, FRAME, two) == 2
    assert frames_that_fit(policy, FRAME, two - 1) == 0
