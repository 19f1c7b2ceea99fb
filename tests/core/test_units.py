"""Text to numbers and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcalc.core import units
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize

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
    ],
)
def test_counts(text: str, value: int) -> None:
    assert units.parse_count(text) == value


@pytest.mark.parametrize(
    "text", ["", "K", "4G", "1e3", "-1", "4.5K", "NaN", "inf", "9" * 30, "1,8", "1,", "50,100"]
)
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a whole number"):
        units.parse_count(text)


def test_a_comma_joins_numbers_and_never_thousands() -> None:
    assert units.parse_counts("224,336,4K") == (224, 336, 4096)
    with pytest.raises(InputError, match=r"one number is taken here; between thousands `_` may"):
        units.parse_count("50,100")
    with pytest.raises(InputError, match=r"^--context: expected whole numbers joined by commas"):
        units.parse_counts("4,096", where="--context")


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


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0, "0 s"),
        (83.25, "83.2 s"),
        (1234.0, "1,230 s"),
        (1.0, "1.00 s"),
        (0.99951, "1.00 s"),
        (0.9994, "999 ms"),
        (0.012345, "12.3 ms"),
        (1e-3, "1.00 ms"),
        (999.6e-6, "1.00 ms"),
        (3e-6, "3.00 us"),
        (1e-6, "1.00 us"),
        (12.5e-9, "12.5 ns"),
        (3e-10, "0.300 ns"),
        (-0.0021, "-2.10 ms"),
    ],
)
def test_times_for_people(seconds: float | None, text: str) -> None:
    assert units.format_seconds(seconds) == text


@settings(max_examples=1000)
@given(st.floats(1e-9, 900))
def test_a_time_for_people_is_within_half_a_unit_of_its_third_digit(seconds: float) -> None:
    number, name = units.format_seconds(seconds).split()
    shown = float(number) * {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[name]
    assert shown == pytest.approx(seconds, rel=0.00501)
    assert len(number.replace(".", "").lstrip("0")) == 3
    assert 1 <= float(number) < 1000


def test_rates_for_people() -> None:
    assert units.format_flops_per_s(989.4e12) == "989.4 TFLOP/s"
    assert units.format_flops_per_s(1978.9e12) == "1,978.9 TFLOP/s"
    assert units.format_flops_per_s(362.05e12) == "362.05 TFLOP/s"
    assert units.format_flops_per_s(0.1234567e12) == "0.123 TFLOP/s"
    assert units.format_flops_per_s(0.9999e12) == "1 TFLOP/s"
    assert units.format_tera(989.4e12) == "989.4"
    assert units.format_bytes_per_s(3350e9) == "3,350 GB/s"
    assert units.format_bytes_per_s(204.8e9) == "204.8 GB/s"
    assert units.format_decimal_bytes(80_000_000_000) == "80 GB"
    assert units.format_decimal_bytes(0) == "0 GB"
    writers = (
        units.format_flops_per_s,
        units.format_bytes_per_s,
        units.format_tera,
        units.format_decimal_bytes,
    )
    assert {write(None) for write in writers} == {"-"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("80GB", 80_000_000_000),
        ("24GiB", 24 << 30),
        (" 24 gib ", 24 << 30),
        ("1.5TB", 1_500_000_000_000),
        ("512MiB", 512 << 20),
        ("0.5KiB", 512),
    ],
)
def test_memory(text: str, value: int) -> None:
    assert units.parse_memory(text) == value


@pytest.mark.parametrize("text", ["", "80", "80G", "-1GB", "0GB", "1e3GB", "80 GBs", "GB", "80PB"])
def test_no_memory(text: str) -> None:
    with pytest.raises(InputError, match="--memory: expected an amount of memory such as `80GB`"):
        units.parse_memory(text, where="--memory")


@pytest.mark.parametrize("text", ["1_0", "1__000", "_1000", "1000_", "10_00"])
def test_an_underscore_stands_between_thousands_alone(text: str) -> None:
    with pytest.raises(InputError, match="expected a size such as"):
        units.parse_size(f"{text}x5")
    with pytest.raises(InputError, match="expected a whole number such as"):
        units.parse_count(text)
