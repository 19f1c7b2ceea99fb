"""How exactly a figure was printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlcalc.audit.precision import is_near, same_as_printed


@pytest.mark.parametrize(
    ("true", "printed"),
    [
        (41_943_040, 42_000_000),
        (7_062_902_784, 7_060_000_000),
        (877_960_498, 877_960_000),
        (79_967_843_624, 80_000_000_000),
        (8.03125, 8.0),
        (15.283203125, 15.3),
        (70.3125, 70),
        (140.625, 141),
        (0.9051482536448664, 0.9051),
        (8_477_844_963_328, 8.48e12),
        (-0.2203, -0.22),
        (0, 0),
    ],
)
def test_the_same_to_the_digits_that_were_printed(true: float, printed: float) -> None:
    assert same_as_printed(true, printed)


@pytest.mark.parametrize(
    ("true", "printed"),
    [
        (20_979_712, 42_000_000),
        (8_355_446_808, 10_000_000_000),  # one digit of it is 8
        (73_648_445_144, 80_000_000_000),
        (103_591_936, 103_000_000),
        (15.35, 15.3),
        (0.9052, 0.9051),
        (8.05, 8.0),
        (8_422_369_001_472, 8.48e12),
        (1, 0),
    ],
)
def test_another_figure(true: float, printed: float) -> None:
    assert not same_as_printed(true, printed)


@given(st.integers(1, 10**13), st.integers(0, 12))
def test_a_figure_is_the_same_as_its_own_rounding(true: int, zeros: int) -> None:
    unit = 10 ** min(zeros, len(str(true)) - 1)  # at least one digit stays
    assert same_as_printed(true, (true + unit // 2) // unit * unit)  # half upwards


def test_near_is_a_tenth_of_the_true_value() -> None:
    assert is_near(100, 110)
    assert is_near(100, 90)
    assert not is_near(100, 111)
    assert not is_near(0, 1)
