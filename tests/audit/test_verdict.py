"""The one rule by which claims are judged."""

from __future__ import annotations

from typing import Any

import pytest

from vlcalc.audit.verdict import judge


@pytest.mark.parametrize(
    ("claimed", "true", "verdict"),
    [
        (576, 576, "right"),
        (9, 9.0, "right"),
        (570, 576, "approximate"),
        (81, 30.15, "wrong"),
        ("early", "mid", "wrong"),
        ("mid", "mid", "right"),
        (True, False, "wrong"),
        (1, True, "right"),
        ({"rounded": 4_200_000}, 4_198_400, "right"),
        ({"rounded": 188_000_000}, 186_702_654, "approximate"),
        ({"rounded": 42_000_000}, 20_979_712, "wrong"),
        ({"near": 100}, 100, "approximate"),
        ({"near": 100}, 200, "wrong"),
        ({"below": 0.01}, 0.003, "right"),
        ({"below": 0.01}, 0.01, "wrong"),
        ({"above": 70}, 70.3, "right"),
        ({"above": 70}, 70, "wrong"),
        ({"between": [1, 10]}, 10, "right"),
        ({"between": [1, 10]}, 13, "wrong"),
    ],
)
def test_one_figure(claimed: Any, true: Any, verdict: str) -> None:
    assert judge(claimed, true) == verdict


@pytest.mark.parametrize(
    ("claimed", "true", "verdict"),
    [
        ([64, 6], [64, 6], "right"),
        ([64, 6], (64, 6), "right"),
        ([64, 6], [64, 3], "wrong"),
        ([100, 6], [105, 6], "approximate"),
        ([1, 2], [1, 2, 3], "wrong"),
    ],
)
def test_the_worst_of_a_list_decides(claimed: Any, true: Any, verdict: str) -> None:
    assert judge(claimed, true) == verdict


def test_the_worst_part_decides_where_they_are_claimed_together() -> None:
    assert judge({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}) == "right"
    assert judge({"a": 1, "b": 2}, {"a": 1, "b": 3}) == "wrong"
    assert judge(1, {"a": 1, "b": 2}) == "wrong"
    assert judge(1, {"a": 1, "b": 2}, about=["a"]) == "right"


@pytest.mark.parametrize(
    ("true", "verdict"),
    [
        ({"a": 100, "b": 100}, "right"),
        ({"a": 100, "b": 900}, "approximate"),
        ({"a": 105, "b": 95}, "approximate"),
        ({"a": 105, "b": 900}, "wrong"),
        ({"a": 900, "b": 900}, "wrong"),
    ],
)
def test_a_claim_of_several_cases_may_hold_in_some(true: dict[str, int], verdict: str) -> None:
    assert judge(100, true, reading="cases") == verdict
