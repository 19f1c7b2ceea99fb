"""The chain of steps against the row: one total, for every spec, image and clip."""

from __future__ import annotations

import random

import pytest

from vlcalc.core.errors import RefusedError, VlcalcError
from vlcalc.core.image_size import ImageSize
from vlcalc.spec import catalogue
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.loader import build_entry, load_spec
from vlcalc.spec.schema import Spec
from vlcalc.tiling.base import Footage
from vlcalc.tokens.budget import Request, TokenBudget, budget
from vlcalc.tokens.explain import explain_table

ENTRIES = [entry for kind in ("model", "api") for entry in catalogue.entries(kind)]
VIDEOS = [entry for entry in ENTRIES if build_entry(entry).video]
SIZES = [
    *((336, 336), (640, 480), (1024, 768), (1920, 1080), (1080, 1920), (4032, 3024), (896, 896)),
    *((1, 1), (1, 100), (100, 1), (28, 5600), (5601, 28), (3000, 15), (2, 4000), (8000, 8000)),
]
# Below every minimum, between, at and above every cap; an odd number; lengths over five minutes.
FOOTAGE = [
    *(Footage(1, 1), Footage(2, 2), Footage(10, 0.3), Footage(33, 1), Footage(60, 2)),
    *(Footage(300, 2), Footage(384, 2), Footage(767, 1), Footage(961, 1), Footage(1200, 1)),
    *(Footage(7200, 1), Footage(3600, 30)),
]


def total_of(spec: Spec, image: ImageSize | None, request: Request) -> tuple[int, int, int]:
    """Return the image, extra and context tokens of the last line of the chain."""
    (*steps, total) = explain_table(spec, image, request).rows
    assert total[2] == "total"
    assert tuple(map(sum, zip(*(step[5:] for step in steps), strict=True))) in (total[5:], ())
    return total[5:]


def row_total(tokens: TokenBudget) -> tuple[int, int, int]:
    return tokens.image_tokens, tokens.extra_tokens, tokens.context_tokens


def check_same(spec: Spec, image: ImageSize, request: Request) -> bool:
    """Assert that row and chain say the same of a request; tell whether it was counted."""
    try:
        tokens = budget(spec, image, request)
    except RefusedError as refusal:
        with pytest.raises(RefusedError) as other:
            explain_table(spec, image, request)
        assert str(other.value) == str(refusal)  # noqa: PT017
        return False
    assert total_of(spec, image, request) == row_total(tokens)
    return True


def details_of(spec: Spec) -> list[str | None]:
    return [None, *spec.details] if isinstance(spec, ApiSpec) else [None]


def random_sizes(seed: str) -> list[ImageSize]:
    dice = random.Random(seed)
    return [ImageSize(dice.randint(1, 3000), dice.randint(1, 3000)) for _ in range(20)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_chain_sums_to_the_row_of_images(entry: catalogue.Entry) -> None:
    spec = build_entry(entry)
    counted = [
        check_same(spec, image, Request(num_images=number, detail=detail))
        for image in (*(ImageSize(*size) for size in SIZES), *random_sizes(entry.name))
        for number in (0, 1, 2, 3, 12)
        for detail in details_of(spec)
    ]
    assert sum(counted) > len(counted) / 2


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_chain_sums_to_the_row_of_frames_as_sampled(entry: catalogue.Entry) -> None:
    spec = build_entry(entry)
    frames = (1, 2, 3, 7, 64, 65, 768, 769)
    assert [check_same(spec, ImageSize(1280, 720), Request(num_frames=n)) for n in frames][1:]


@pytest.mark.parametrize("entry", VIDEOS, ids=lambda entry: entry.name)
def test_the_chain_sums_to_the_row_of_videos(entry: catalogue.Entry) -> None:
    spec = build_entry(entry)
    counted = [
        check_same(spec, ImageSize(*size), Request(footage=footage))
        for size in SIZES
        for footage in FOOTAGE
    ]
    assert sum(counted) > len(counted) / 2


def test_a_video_over_the_cap_costs_the_cap() -> None:
    spec, frame = load_spec("gemma4"), ImageSize(1280, 720)
    request = Request(footage=Footage(1200, 1))
    tokens = budget(spec, frame, request)
    assert tokens.request.num_frames == 32
    assert total_of(spec, frame, request) == row_total(tokens) == (32 * 66, 64, 0)
    (sample, *_) = explain_table(spec, frame, request).rows
    assert sample[2:4] == ("sample", "32 frames in place of 1,200")


def test_qwen2_vl_samples_at_most_768_frames() -> None:
    request = Request(footage=Footage(1200, 1))
    tokens = budget(load_spec("qwen2-vl"), ImageSize(1280, 720), request)
    assert (tokens.request.num_frames, tokens.image_tokens) == (768, 459_264)
    # Frames as sampled are the user's own.
    asked = Request(num_frames=1200)
    assert budget(load_spec("qwen2-vl"), ImageSize(1280, 720), asked).image_tokens == 717_600


@pytest.mark.parametrize("name", ["qwen2-vl", "qwen3-vl", "glm4v", "gemma4", "smolvlm2-500m"])
def test_frames_that_fit_end_at_the_cap(name: str) -> None:
    spec, frame = load_spec(name), ImageSize(320, 240)
    sampled = Request(footage=Footage(100_000, 1), context_window=10**9)
    most = budget(spec, frame, sampled)
    assert most.num_that_fit == most.request.num_frames
    free = Request(num_frames=2, context_window=10**9)
    assert (budget(spec, frame, free).num_that_fit or 0) > (most.num_that_fit or 0)


def test_text_alone_has_no_steps() -> None:
    table = explain_table(load_spec("llava-1.5"), None, Request(num_images=0, text_tokens=500))
    (total,) = table.rows
    assert total[2:4] == ("total", "no tokens")
    with pytest.raises(VlcalcError):
        explain_table(load_spec("llava-1.5"), ImageSize(0, 1), Request())


def test_nova_samples_a_frame_a_second_whatever_is_asked_for() -> None:
    request = Request(footage=Footage(30, 4))
    tokens = budget(load_spec("amazon-nova-v1"), ImageSize(1280, 720), request)
    assert (tokens.request.num_frames, tokens.image_tokens) == (30, 8640)
