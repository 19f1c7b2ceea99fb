"""`vlcalc compare --measured`: a saved run's timings beside what methods cost."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import vlcalc
from tests.runs.examples import row, run_of
from vlcalc.core.errors import InputError
from vlcalc.runs.file import to_json
from vlcalc.runs.run import Conditions
from vlcalc.runs.timed_comparison import TimedComparison

Run = Callable[..., Any]
USUAL = Conditions(
    vision="clip-vit-l-14-336",
    language="vicuna-7b-v1.5",
    image="336x336",
    columns=24,
    rows=24,
    text_tokens=50,
    dtype="bfloat16",
)
SAVED = run_of(
    row("mlp", conditions=USUAL, median_s=0.25, iqr_s=0.01),
    row("mlp", conditions=USUAL.model_copy(update={"batch_size": 2}), median_s=0.75),
    row("linear", conditions=USUAL, median_s=0.05),
    row("perceiver", conditions=USUAL, median_s=None, iqr_s=None, error="out of memory"),
)
METHODS = ("compare", "--methods", "linear,mlp,q_former,perceiver")


@pytest.fixture
def saved(tmp_path: Path) -> str:
    file = tmp_path / "run.json"
    file.write_text(to_json(SAVED), encoding="utf-8")
    return str(file)


def rows_of(text: str) -> dict[str, dict[str, str]]:
    return {line["method"]: line for line in csv.DictReader(io.StringIO(text))}


def test_timings_stand_beside_what_methods_cost_and_are_labelled(run: Run, saved: str) -> None:
    ran = run(*METHODS, "--measured", saved, "-f", "csv")
    assert ran.code == 0
    rows = rows_of(ran.out)
    assert (rows["mlp"]["latency_s"], rows["mlp"]["latency_iqr_s"]) == ("0.25", "0.01")
    assert rows["mlp"]["latency_source"] == "measured"
    assert rows["mlp"]["peak_bytes"] == "10000"
    assert rows["mlp"]["num_params"] == "20979712"
    assert (rows["q_former"]["latency_s"], rows["q_former"]["latency_source"]) == ("", "")
    assert (rows["perceiver"]["latency_s"], rows["perceiver"]["latency_source"]) == ("", "")


def test_notes_say_where_timings_are_from_and_which_are_missing(run: Run, saved: str) -> None:
    out = run(*METHODS, "--measured", saved).out
    assert "measured, on 2026-11-21T07:00:00+00:00: Some CPU, torch 2.13.0, 1 thread" in out
    assert "Not timed in this setting: q_former." in out
    assert "perceiver was not timed: out of memory" in out


def test_the_setting_decides(run: Run, saved: str) -> None:
    ran = run(*METHODS, "--measured", saved, "--batch", "2", "-f", "csv")
    assert rows_of(ran.out)["mlp"]["latency_s"] == "0.75"
    assert rows_of(ran.out)["linear"]["latency_s"] == ""


def test_timings_can_be_sorted_by_and_be_ratios(run: Run, saved: str) -> None:
    args = (*METHODS, "--measured", saved, "--columns", "timings", "-f", "csv")
    assert list(rows_of(run(*args, "--sort", "-latency_s").out))[:2] == ["mlp", "linear"]
    ratios = rows_of(run(*args, "--baseline", "linear").out)
    assert float(ratios["mlp"]["latency_s_ratio"]) == pytest.approx(5)
    marked = rows_of(run(*args, "--pareto", "latency_s,num_params").out)
    assert marked["linear"]["pareto"] == "*"
    assert marked["mlp"]["pareto"] == ""


def test_without_a_file_nothing_of_it_is_there(run: Run) -> None:
    ran = run(*METHODS, "-f", "csv")
    assert "latency_s" not in ran.out.splitlines()[0]
    refused = run(*METHODS, "--columns", "latency_s")
    assert "--columns: expected the key of a column, got `latency_s`" in refused.err


def test_a_run_of_another_setting_is_refused(run: Run, saved: str) -> None:
    ran = run(*METHODS, "--measured", saved, "--dtype", "float32")
    assert (ran.code, ran.out) == (1, "")
    assert "expected a run that timed one of these methods at 24x24 visual tokens" in ran.err
    assert "float32 on clip-vit-l-14-336 and vicuna-7b-v1.5, got none" in ran.err
    assert "it timed `mlp` at 24x24 visual tokens, 50 text tokens, batch 1, bfloat16" in ran.err
    other = run("compare", "--methods", "film", "--measured", saved)
    assert "it timed mlp, linear, perceiver" in other.err


def test_the_api_takes_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = vlcalc.compare(["mlp"], activations=False, measured=SAVED)
    assert isinstance(found, TimedComparison)
    assert found.measured == SAVED.rows[0]
    with pytest.raises(InputError, match="a run that timed one of these methods"):
        vlcalc.compare(["film"], activations=False, measured=SAVED)
