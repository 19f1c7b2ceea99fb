"""Runs on GPUs that are kept as data: how far predictions were off when they were measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.kept import summary
from tests.runs.examples import row, run_of
from vlcalc.runs.file import load_run, to_json
from vlcalc.runs.run import Measured, Run

KEPT = sorted((Path(__file__).parent / "data").glob("bench_*.json"))
# Predicted 10 % too long, and to the byte; limits are 15 % in the mean and 3 % in the median.
GOOD: dict[str, Any] = {
    "predicted_s": 0.0022,
    "predicted_held_bytes": 9000,
    "predicted_activation_bytes": 1000,
    "prediction": "calibrated",
}


def is_within_limits(run: Run) -> bool:
    """Return whether a run is whole, nearly all timed, calibrated, and well predicted."""
    errors = summary(run)
    return (
        not run.interrupted
        and errors.num_timed >= 0.9 * errors.num_rows
        and errors.kept
        and {row.prediction for row in run.rows if row.predicted_s} == {"calibrated"}
    )


@pytest.mark.skipif(not KEPT, reason="no run on a GPU is kept in tests/benchmarks/data yet")
def test_predictions_were_within_their_limits() -> None:
    assert [path.stem for path in KEPT if not is_within_limits(load_run(path))] == []


def test_a_good_run_is_within_limits(tmp_path: Path) -> None:
    file = tmp_path / "bench_example.json"
    file.write_text(to_json(run_of(row(**GOOD), row("linear", **GOOD))), encoding="utf-8")
    assert is_within_limits(load_run(file))


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row()],
        [row(**{**GOOD, "predicted_s": 0.0024})],
        [row(**{**GOOD, "predicted_s": 0.0016})],
        [row(**{**GOOD, "predicted_held_bytes": 9400})],
        [row(**{**GOOD, "prediction": "datasheet"})],
        [row(**GOOD), row("linear", median_s=None, iqr_s=None, error="out of memory")],
    ],
    ids=["empty", "unpredicted", "long", "short", "memory", "datasheet", "untimed"],
)
def test_whatever_is_missing_or_off_breaks_them(rows: list[Measured]) -> None:
    assert not is_within_limits(run_of(*rows))


def test_a_run_that_was_stopped_breaks_them() -> None:
    assert not is_within_limits(run_of(row(**GOOD)).model_copy(update={"interrupted": True}))
