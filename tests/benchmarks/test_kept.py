"""Runs on GPUs that are kept as data: how far predictions were off when they were measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.kept import MAX_LATENCY_MAPE, MAX_MEMORY_MEDIAN, summary
from vlcalc.runs.file import load_run

KEPT = sorted((Path(__file__).parent / "data").glob("bench_*.json"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_predictions_were_within_their_limits(path: Path) -> None:
    run = load_run(path)
    found = summary(run)
    assert not run.interrupted
    assert found.num_timed >= 0.9 * found.num_rows
    assert found.memory is not None
    assert found.memory.median <= MAX_MEMORY_MEDIAN
    assert found.latency is not None
    assert found.latency.mape <= MAX_LATENCY_MAPE
    assert {row.prediction for row in run.rows if row.predicted_s} == {"calibrated"}
