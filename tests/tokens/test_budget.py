"""Budgets: sums, shares, what is left and how many fit; each against a count by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vlcalc
from vlcalc.core.errors import InputError, RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.spec.loader import load_spec
from vlcalc.tokens.budget import Request, budget

SIZE = ImageSize(1920, 1080)


def test_the_parts_sum_to_the_sequence() -> None:
    found = vlcalc.tokens(
        "qwen2.5-vl", (1920, 1080), num_images=3, text_tokens=100, reserve_tokens=50
    )
    assert (found.image_tokens, found.extra_tokens) == (3 * 2691, 3 * 2)
    assert found.sequence_length == 100 + 3 * 2693
    assert found.tokens_left == 128_000 - 100 - 3 * 2693 - 50
    assert found.num_that_fit == (128_000 - 150) // 2693
    assert found.source == "exact"


def test_images_that_take_no_place_have_no_bound() -> None:
    found = vlcalc.tokens("blip", (640, 480), num_images=5)
    assert (found.sequence_length, found.context_tokens) == (0, 5 * 577)
    assert found.num_that_fit is None


def test_context_tokens_take_no_place_in_the_sequence() -> None:
    found = vlcalc.tokens("idefics", (640, 480))
    assert (found.image_tokens, found.extra_tokens, found.context_tokens) == (1, 2, 64)
    assert found.sequence_length == 3


def test_frames_without_a_video_rule_are_images() -> None:
    found = vlcalc.tokens("llava-1.5", (336, 336), num_frames=10)
    assert found.image_tokens == 5760
    assert found.fits is False
    assert found.num_that_fit == 7


def test_frames_with_a_video_rule() -> None:
    found = vlcalc.tokens("qwen2-vl", (1280, 720), num_frames=600)
    assert found.image_tokens == 358_800
    fit = found.num_that_fit or 0
    assert vlcalc.tokens("qwen2-vl", (1280, 720), num_frames=fit).fits
    assert not vlcalc.tokens("qwen2-vl", (1280, 720), num_frames=fit + 1).fits


@settings(max_examples=200)
@given(
    st.sampled_from(["llava-1.5", "internvl", "deepseek-vl2", "pixtral", "gpt-4o"]),
    st.integers(50, 3000),
    st.integers(50, 3000),
    st.integers(0, 5000),
    st.integers(1000, 200_000),
)
def test_one_more_than_fits_does_not_fit(
    name: str, width: int, height: int, text: int, window: int
) -> None:
    spec, size = load_spec(name), ImageSize(width, height)
    fit = budget(spec, size, Request(text_tokens=text, context_window=window)).num_that_fit
    assert fit is not None

    def fits(images: int) -> bool | None:
        request = Request(num_images=images, text_tokens=text, context_window=window)
        return budget(spec, size, request).fits

    assert fit == 0 or fits(fit)
    assert not fits(fit + 1)


def test_deepseek_vl2_stops_cutting_above_two_images() -> None:
    two = vlcalc.tokens("deepseek-vl2", (1920, 1080), num_images=2)
    three = vlcalc.tokens("deepseek-vl2", (1920, 1080), num_images=3)
    assert (two.image_tokens, three.image_tokens) == (2 * 1807, 3 * 421)


def test_the_price_of_an_image() -> None:
    found = vlcalc.tokens("gpt-4o", (1024, 1024))
    assert found.image_tokens == 765
    assert found.usd_per_image == pytest.approx(765 * 2.5e-6)
    assert found.usd_per_1000_images == pytest.approx(765 * 2.5e-3)
    assert found.source == "official"


def test_a_long_prompt_pays_the_higher_tier() -> None:
    short = vlcalc.tokens("gpt-5.4", (1024, 1024))
    long = vlcalc.tokens("gpt-5.4", (1024, 1024), text_tokens=272_000)
    assert short.usd_per_image == pytest.approx(1229 * 2.5e-6)
    assert long.usd_per_image == pytest.approx(1229 * 5e-6)


def test_limits_of_an_api_are_kept() -> None:
    with pytest.raises(RefusedError, match=r"^8001x10: the API takes sides of at most 8,000 px$"):
        vlcalc.tokens("claude-opus-4-7", (8001, 10))
    with pytest.raises(RefusedError, match="the API takes at most"):
        vlcalc.tokens("claude-opus-4-7", (10, 10), num_images=100_000)


def test_an_unknown_window_leaves_the_rest_unknown() -> None:
    found = vlcalc.tokens("gpt-image-1", (512, 512))
    assert (found.window_share, found.tokens_left, found.num_that_fit, found.fits) == (None,) * 4


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_images": -1}, "expected at least 0 images, got -1"),
        ({"num_frames": 0}, "expected at least 1 frames, got 0"),
        ({"text_tokens": -1}, "expected at least 0 text tokens, got -1"),
        ({"reserve_tokens": -1}, "expected at least 0 reserved tokens, got -1"),
        ({"context_window": -5}, "expected at least 1 tokens of context, got -5"),
        ({"detail": "low"}, "expected a detail level for hosted APIs only, got `low`"),
    ],
)
def test_requests_that_cannot_be(kwargs: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        vlcalc.tokens("llava-1.5", (10, 10), **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize("image", [(1.5, 2), (1,), (1, 2, 3), 7, None, ("a", "b"), (True, 5)])
def test_what_is_no_size_is_refused(image: object) -> None:
    with pytest.raises(InputError, match="expected a size"):
        vlcalc.tokens("llava-1.5", image)  # type: ignore[arg-type]


@pytest.mark.parametrize("image", [(0, 5), (5, -1), (100_001, 5)])
def test_sizes_that_no_image_has(image: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="expected sides of 1 to 100,000 px"):
        vlcalc.tokens("llava-1.5", image)


def test_the_result_is_frozen() -> None:
    found = budget(load_spec("llava-1.5"), SIZE, Request())
    with pytest.raises(AttributeError):
        found.image_tokens = 3  # type: ignore[misc]
