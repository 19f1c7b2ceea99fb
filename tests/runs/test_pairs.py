"""Two runs side by side: what belongs together, what a difference is worth, what is refused."""

from __future__ import annotations

import pytest

from tests.runs.examples import ENVIRONMENT, conditions, row, run_of
from vlcalc.core.errors import InputError
from vlcalc.runs.pairs import against_table, check_comparable, find_row, pairs_of


def test_rows_of_one_case_are_pairs_and_others_stand_alone() -> None:
    now = run_of(row("mlp", median_s=0.004), row("linear"), row("new"))
    saved = run_of(row("linear"), row("mlp", median_s=0.002), row("old"))
    pairs = {pair.either.target: pair for pair in pairs_of(now, saved)}
    assert list(pairs) == ["mlp", "linear", "new", "old"]
    assert pairs["mlp"].latency_ratio == 2
    assert pairs["mlp"].memory_ratio == 1
    assert (pairs["new"].then, pairs["old"].now) == (None, None)
    assert pairs["new"].latency_ratio is None


def test_conditions_keep_rows_apart() -> None:
    now = run_of(row(conditions=conditions(batch_size=1)), row(conditions=conditions(batch_size=8)))
    saved = run_of(row(conditions=conditions(batch_size=8), median_s=0.001))
    first, second = pairs_of(now, saved)
    assert first.then is None
    assert second.latency_ratio == 2


@pytest.mark.parametrize(
    ("median_s", "beyond"), [(0.002, False), (0.00215, False), (0.0022, True), (0.0018, True)]
)
def test_a_difference_is_held_against_half_the_sum_of_the_iqrs(median_s, beyond) -> None:
    now, saved = run_of(row(median_s=median_s, iqr_s=0.0002)), run_of(row(iqr_s=0.00015))
    (pair,) = pairs_of(now, saved)  # 175 us
    assert pair.beyond_spread is beyond
    table = against_table(now, saved, [pair])
    assert table.alerts == (frozenset({0}) if beyond else frozenset())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device_name": "Another CPU"}, "a saved run of this device, Some CPU, got Another CPU"),
        ({"dtypes": ("bfloat16",)}, "a saved run of this dtype, float32, got bfloat16"),
        ({"threads": 4}, "a saved run of this number of threads, 1, got 4; `--force`"),
    ],
)
def test_another_machine_is_refused(changes, message) -> None:
    with pytest.raises(InputError, match=message):
        check_comparable(ENVIRONMENT, ENVIRONMENT.model_copy(update=changes))


def test_the_same_machine_is_not_refused_whatever_its_clock_and_date() -> None:
    later = ENVIRONMENT.model_copy(update={"date": "2027-01-01", "clock_hz": 1e9})
    check_comparable(ENVIRONMENT, later)


def test_threads_of_the_cpu_say_nothing_of_a_gpu() -> None:
    gpu = ENVIRONMENT.model_copy(update={"device": "cuda"})
    check_comparable(gpu, gpu.model_copy(update={"threads": 9}))


def test_a_forced_comparison_says_what_differs_and_pairs_dtypes() -> None:
    now = run_of(row())
    saved = run_of(row(conditions=conditions(dtype="bfloat16")), dtypes=("bfloat16",), threads=2)
    (pair,) = pairs_of(now, saved)
    assert pair.latency_ratio == 1
    notes = against_table(now, saved, [pair]).notes
    assert "The dtype differs: float32 now, bfloat16 saved." in notes
    assert "The number of threads differs: 1 now, 2 saved." in notes


def test_a_row_is_found_by_method_and_grid_not_by_the_image_it_came_from() -> None:
    rows = [row(conditions=conditions(image="672x672", batch_size=2)), row("linear")]
    assert find_row(rows, "mlp", conditions(batch_size=2), "method") is rows[0]
    assert find_row(rows, "mlp", conditions(), "method") is None
    assert find_row(rows, "linear", conditions(dtype="bfloat16"), "method") is None
