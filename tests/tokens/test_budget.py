"""Budgets: sums, shares, what is left and how many fit; each against a count by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vlcalc
from vlcalc.core.errors import InputError, RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.spec import catalogue
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.loader import load_spec
from vlcalc.tokens.budget import Request, budget

SIZE = ImageSize(1920, 1080)
TIERED = [
    entry.name
    for entry in catalogue.entries("api")
    if "tiers" in (catalogue.document_of(entry.path).data.get("price") or {})
]


def test_the_parts_sum_to_the_sequence() -> None:
    tokens = vlcalc.tokens(
        "qwen2.5-vl", (1920, 1080), num_images=3, text_tokens=100, reserve_tokens=50
    )
    assert (tokens.image_tokens, tokens.extra_tokens) == (3 * 2691, 3 * 2)
    assert tokens.sequence_length == 100 + 3 * 2693
    assert tokens.tokens_left == 128_000 - 100 - 3 * 2693 - 50
    assert tokens.num_that_fit == (128_000 - 150) // 2693
    assert tokens.source == "exact"


def test_images_that_take_no_place_have_no_bound() -> None:
    tokens = vlcalc.tokens("blip", (640, 480), num_images=5)
    assert (tokens.sequence_length, tokens.context_tokens) == (0, 5 * 577)
    assert tokens.num_that_fit is None


def test_context_tokens_take_no_place_in_the_sequence() -> None:
    tokens = vlcalc.tokens("idefics", (640, 480))
    assert (tokens.image_tokens, tokens.extra_tokens, tokens.context_tokens) == (1, 2, 64)
    assert tokens.sequence_length == 3


def test_frames_without_a_video_rule_are_images() -> None:
    tokens = vlcalc.tokens("llava-1.5", (336, 336), num_frames=10)
    assert tokens.image_tokens == 5760
    assert tokens.fits is False
    assert tokens.num_that_fit == 7


def test_frames_with_a_video_rule() -> None:
    tokens = vlcalc.tokens("qwen2-vl", (1280, 720), num_frames=600)
    assert tokens.image_tokens == 358_800
    fit = tokens.num_that_fit or 0
    assert vlcalc.tokens("qwen2-vl", (1280, 720), num_frames=fit).fits
    assert not vlcalc.tokens("qwen2-vl", (1280, 720), num_frames=fit + 1).fits


@settings(max_examples=1000, deadline=None)
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
    tokens = vlcalc.tokens("gpt-4o", (1024, 1024))
    assert tokens.image_tokens == 765
    assert tokens.usd_per_image == pytest.approx(765 * 2.5e-6)
    assert tokens.usd_per_1000_images == pytest.approx(765 * 2.5e-3)
    assert tokens.source == "official"


@pytest.mark.parametrize("name", ["llava-1.5", "qwen2-vl", "blip", "idefics", "internvl", "gpt-4o"])
def test_text_alone_is_a_request(name: str) -> None:
    spec = load_spec(name)
    text = Request(num_images=0, text_tokens=500, reserve_tokens=20)
    for image in (None, SIZE):
        alone = budget(spec, image, text)
        assert (alone.image_tokens, alone.extra_tokens, alone.context_tokens) == (0, 0, 0)
        assert (alone.sequence_length, alone.tiling.num_tiles) == (500, 0)
        assert alone.tokens_left == (spec.context_window or 0) - 520
        assert alone.pixels_per_token is alone.usd_per_image is alone.num_that_fit is None


@pytest.mark.parametrize("request_", [Request(), Request(num_images=0, num_frames=2)])
def test_images_need_a_size(request_: Request) -> None:
    with pytest.raises(InputError, match="expected the size of an image, got none"):
        budget(load_spec("llava-1.5"), None, request_)


def test_the_higher_tier_begins_above_its_boundary() -> None:
    # An image of 1,229 tokens; the provider's price holds "above 272k" tokens of input.
    text = 272_000 - 1229
    at, above = (vlcalc.tokens("gpt-5.4", (1024, 1024), text_tokens=text + more) for more in (0, 1))
    assert (at.sequence_length, above.sequence_length) == (272_000, 272_001)
    assert at.usd_per_image == pytest.approx(1229 * 2.5e-6)
    assert above.usd_per_image == pytest.approx(1229 * 5e-6)


@pytest.mark.parametrize("name", TIERED)
def test_every_tier_begins_above_its_boundary(name: str) -> None:
    spec = load_spec(name)
    assert isinstance(spec, ApiSpec)
    assert spec.price is not None
    tokens = budget(spec, SIZE, Request()).sequence_length
    lower = spec.price.input_usd_per_mtok
    for tier in spec.price.tiers:
        text = tier.above_input_tokens - tokens
        at, above = (
            budget(spec, SIZE, Request(text_tokens=text + more)).usd_per_image for more in (0, 1)
        )
        assert lower is not None
        assert at == pytest.approx(tokens * lower / 1e6)
        assert tier.input_usd_per_mtok is not None
        assert above == pytest.approx(tokens * tier.input_usd_per_mtok / 1e6)
        lower = tier.input_usd_per_mtok


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
    tokens = vlcalc.tokens("gpt-image-1", (512, 512))
    assert tokens.window_share is tokens.tokens_left is tokens.num_that_fit is tokens.fits is None


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
    tokens = budget(load_spec("llava-1.5"), SIZE, Request())
    with pytest.raises(AttributeError):
        tokens.image_tokens = 3  # type: ignore[misc]


def test_the_price_is_that_of_a_frame() -> None:
    frames = vlcalc.tokens("gpt-4o", (1024, 1024), num_frames=10)
    assert frames.image_tokens == 7650
    assert frames.usd_per_image == pytest.approx(765 * 2.5e-6)


def test_the_reserve_leaves_room_for_fewer_images() -> None:
    # 4096 / 576 = 7.1: a reserve of 100 takes the place of one.
    free, kept = (vlcalc.tokens("llava-1.5", SIZE, reserve_tokens=r) for r in (0, 100))
    assert (free.num_that_fit, kept.num_that_fit) == (7, 6)


def test_a_token_stands_for_as_many_pixels_in_many_images_as_in_one() -> None:
    one = vlcalc.tokens("llava-1.5", (672, 336))
    three = vlcalc.tokens("llava-1.5", (672, 336), num_images=3)
    assert one.pixels_per_token == three.pixels_per_token == 672 * 336 / 576
