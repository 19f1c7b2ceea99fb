"""Text to numbers and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcalc import units
from vlcalc.errors import InputError
from vlcalc.image_size import ImageSize

sides = st.integers(1, 100_000)


@settings(max_examples=1000)
@given(sides, sides)
def test_a_size_survives_the_way_to_text_and_back(width: int, height: int) -> None:
    assert units.parse_size(str(ImageSize(width, height))) == (width, height)


@pytest.mark.parametrize("text", ["1920x1080", "1920X1080", " 1920 x 1080 ", "1_920x1_080"])
def test_sizes_that_are_read(text: str) -> None:
    assert units.parse_size(text) == ImageSize(width=1920, height=1080)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1920",
        "1920*1080",
        "1920x",
        "x1080",
        "1.5x2",
        "-1x5",
        "1x2x3",
        "NaNx5",
        "\uff11x\uff12",
    ],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^--image: expected a size such as `1920x1080`, got `"):
        units.parse_size(text, where="--image")


@pytest.mark.parametrize("text", ["0x5", "5x0", "100001x5", "5x100001"])
def test_sizes_that_no_image_has(text: str) -> None:
    with pytest.raises(InputError, match=rf"^expected sides of 1 to 100,000 px, got {text}$"):
        units.parse_size(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4096", 4096),
        ("4K", 4096),
        ("128k", 131_072),
        ("1M", 1_048_576),
        ("4_096", 4096),
        ("4,096", 4096),
    ],
)
def test_counts(text: str, value: int) -> None:
    assert units.parse_count(text) == value


@pytest.mark.parametrize("text", ["", "K", "4G", "1e3", "-1", "4.5K", "NaN", "inf", "9" * 30])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a whole number"):
        units.parse_count(text)


def test_a_count_below_its_minimum_is_refused() -> None:
    with pytest.raises(InputError, match=r"^--context: expected at least 1, got `0`$"):
        units.parse_counts("4K,0", where="--context")


@pytest.mark.parametrize("text", ["3x", "x3", "3", "0x2", "2x0", "3*2", "ax2"])
def test_what_is_no_grid_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a grid such as `3x2`, columns x rows"):
        units.parse_grid(text)


def test_clips() -> None:
    assert units.parse_clip("60@2") == (60, 2)
    assert units.parse_clip("1.5@29.97") == (1.5, 29.97)
    for text in ("60", "60@", "@2", "0@2", "60@0", "a@b", "1e9@2"):
        with pytest.raises(InputError, match="expected SECONDS@FPS"):
            units.parse_clip(text)


def test_unknown_is_a_dash() -> None:
    writers = (units.format_count, units.format_share, units.format_usd, units.format_ratio)
    assert {write(None) for write in writers} == {"-"}


def test_numbers_for_people() -> None:
    assert units.format_count(11520) == "11,520"
    assert units.format_share(576 / 4096) == "14.06 %"
    assert units.format_share(2880 / 4096) == "70.31 %"
    assert units.format_usd(0.0019125) == "$0.001912"
    assert units.format_usd(12.5) == "$12.50"


def test_large_numbers_for_people() -> None:
    assert units.format_flops(24_159_191_040) == "24.16 G"
    assert units.format_flops(999) == "999"
    assert units.format_bytes(3 << 29) == "1.50 GiB"
    assert units.format_bytes(1023) == "1,023 B"
    assert (units.format_flops(None), units.format_bytes(None)) == ("-", "-")
