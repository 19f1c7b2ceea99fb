"""How far predictions are off: means, medians and bias by hand."""

from __future__ import annotations

import pytest

from tests.runs.examples import conditions, row, run_of
from vlcalc.core.errors import InputError
from vlcalc.runs.accuracy import by_target, overall
from vlcalc.runs.columns import run_table, summary_table

ROWS = (
    row("mlp", predicted_s=0.0022, predicted_activation_bytes=1000, predicted_held_bytes=9000),
    row("mlp", predicted_s=0.0012, conditions=conditions(batch_size=2)),
    row("linear", predicted_s=0.002),
    row("late"),
)


def test_overall_by_hand() -> None:
    latency, memory, activations = overall(ROWS)
    assert (latency.quantity, latency.num_cases) == ("latency", 3)
    assert latency.mape == pytest.approx((0.1 + 0.4 + 0) / 3)
    assert latency.median == pytest.approx(0.1)
    assert latency.bias == pytest.approx((0.1 - 0.4 + 0) / 3)
    assert (memory.num_cases, memory.mape) == (1, 0)
    assert (activations.num_cases, activations.mape) == (1, 0)


def test_by_target_by_hand() -> None:
    found = {(each.quantity, each.target): each for each in by_target(ROWS)}
    assert found["latency", "mlp"].mape == pytest.approx(0.25)
    assert found["latency", "mlp"].bias == pytest.approx(-0.15)
    assert ("latency", "late") not in found


def test_the_summary_has_targets_that_come_twice_and_all() -> None:
    table = summary_table(ROWS)
    assert table is not None
    assert [(line[0], line[1]) for line in table.rows] == [
        ("latency", "mlp"),
        ("latency", "all"),
        ("peak memory", "all"),
        ("activations", "all"),
    ]
    assert summary_table(ROWS[2:]) is None


def test_the_table_shows_conditions_that_differ_and_titles_the_rest() -> None:
    table = run_table(run_of(*ROWS))
    shown = {column.key for column in table.for_reader("people").columns}
    assert "batch_size" in shown
    assert not {"dtype", "model", "tokens_in"} & shown
    assert table.title.startswith("Some CPU, torch 2.13.0, 1 thread, attention as torch chooses")
    assert table.title.endswith("4x4 visual tokens, float32")
    machines = {column.key for column in table.for_reader("machines").columns}
    assert {"dtype", "columns", "source", "prediction", "noisy"} <= machines


def test_notes_tell_noise_errors_and_what_is_missing() -> None:
    run = run_of(row("a", iqr_s=0.001), row("b", median_s=None, iqr_s=None, error="out of memory"))
    table = run_table(run.model_copy(update={"interrupted": True}))
    notes = "\n".join(table.notes)
    assert "further apart than 10 % of the median: a." in notes
    assert "b: out of memory" in notes
    assert "Interrupted" in notes
    assert "compiled" not in notes
    assert "`vlcalc devices calibrate`" in notes
    assert table.alerts == {0, 1}
    assert "were compiled" in "\n".join(run_table(run_of(row(), compiled=True)).notes)


def test_columns_and_groups() -> None:
    keys = [column.key for column in run_table(run_of(*ROWS), columns=["memory"]).columns]
    assert keys[0] == "target"
    assert {"peak_bytes", "activation_error"} <= set(keys)
    with pytest.raises(InputError, match=r"--columns: .*got `medain_s`; did you mean `median_s`"):
        run_table(run_of(*ROWS), columns=["medain_s"])
