"""The benchmark on a GPU, without one: its parts, their merging, its summary, its exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.benchmarks import cuda
from tests.benchmarks.kept import Part, merge, share_of, summary, worst
from tests.measurement.examples import linear_case
from tests.runs.examples import ENVIRONMENT, row, run_of
from vlcalc.cost.trace import trace_operators
from vlcalc.runs.file import load_run
from vlcalc.runs.run import Measured
from vlcalc.spec.calibration import Calibration
from vlcalc.spec.devices import load_device

CALIBRATION = Calibration(date="2026-11-21", flops_per_s={"bfloat16": 7.9e14})


def part(number: int, count: int, *targets: str, **changes: Any) -> Part:
    rows = [row(target, predicted_s=0.0022) for target in targets]
    run = run_of(*rows, device_name="NVIDIA H200", **changes)
    return Part(
        number=number, count=count, run=run, listed_s=(0.001,) * len(rows), calibration=CALIBRATION
    )


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_parts_are_all_cases_once_in_their_order(count: int) -> None:
    cases = [str(number) for number in range(10)]
    numbers = range(1, count + 1)
    parts = [part(number, count, *share_of(cases, number, count)) for number in numbers]
    whole = merge(parts[::-1])
    assert [each.target for each in whole.run.rows] == cases
    assert len(whole.listed_s) == len(cases)
    assert whole.calibration == CALIBRATION


def test_a_part_that_ended_early_leaves_gaps_and_says_so() -> None:
    late = part(1, 2, "0", "2")
    early = part(2, 2, "1")
    early = early.model_copy(update={"run": early.run.model_copy(update={"interrupted": True})})
    whole = merge([late, early])
    assert [each.target for each in whole.run.rows] == ["0", "1", "2"]
    assert whole.run.interrupted


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([part(1, 2, "0")], r"every part of 2 once, got \[1\]"),
        ([part(1, 2, "0"), part(1, 2, "0")], r"got \[1, 1\]"),
        ([part(1, 2, "0"), part(2, 3, "1")], "every part of 2 once"),
        ([part(1, 2, "0"), part(2, 2, "1", torch="2.11.0")], "one device and torch"),
    ],
    ids=["missing", "twice", "of another number", "of another torch"],
)
def test_parts_that_do_not_belong_together(parts: list[Part], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        merge(parts)


def test_the_summary_by_hand() -> None:
    rows = (
        row("a", predicted_s=0.0022, predicted_activation_bytes=1000, predicted_held_bytes=9200),
        row("b", predicted_s=0.0018, predicted_activation_bytes=1000, predicted_held_bytes=9000),
        row("c", median_s=None, iqr_s=None, error="out of memory"),
    )
    found = summary(run_of(*rows), (0.001, 0.002, None))
    assert (found.num_rows, found.num_timed) == (3, 2)
    assert found.latency is not None
    assert found.latency.mape == pytest.approx(0.1)
    assert found.listed is not None
    assert found.listed.mape == pytest.approx(0.25)
    assert found.memory is not None
    assert found.memory.median == pytest.approx(0.01)
    assert found.kept
    assert found.text.splitlines()[0] == "2 of 3 cases timed"
    assert found.text.endswith("kept")


@pytest.mark.parametrize(
    "changes",
    [
        {"predicted_s": 0.0024},  # 20 % too long
        {"predicted_held_bytes": 9400},  # 4 % too much
        {"predicted_s": None},
        {"predicted_held_bytes": None},
    ],
)
def test_a_broken_limit_or_nothing_predicted_is_told(changes: dict[str, Any]) -> None:
    known: dict[str, Any] = {
        "predicted_s": 0.002,
        "predicted_activation_bytes": 1000,
        "predicted_held_bytes": 9000,
    }
    assert summary(run_of(row(**known))).kept
    found = summary(run_of(row(**{**known, **changes})))
    assert not found.kept
    assert found.text.endswith("BROKEN")


def test_without_a_gpu_it_is_one_line_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cuda.main([]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "this benchmark needs a CUDA device, and torch sees none here\n"


def test_parts_come_from_files_and_the_whole_is_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for each in (part(1, 2, "0", "2"), part(2, 2, "1")):
        path = tmp_path / each.name
        path.write_text(each.model_dump_json(), encoding="utf-8")
        files.append(str(path))
    assert files[0].endswith("part_1_of_2_nvidia-h200.json")
    assert cuda.main(["--output", str(tmp_path / "data"), "--merge", *files]) == 1  # no memory
    assert "latency: mean absolute error 10" in capsys.readouterr().out
    run = load_run(tmp_path / "data" / "bench_nvidia-h200.json")
    assert [each.target for each in run.rows] == ["0", "1", "2"]
    assert (run.environment.device_name, run.environment.date) == ("NVIDIA H200", ENVIRONMENT.date)
    text = (tmp_path / "data" / "calibration_nvidia-h200.json").read_bytes()
    assert Calibration.model_validate_json(text) == CALIBRATION


@pytest.fixture
def _gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a part be measured by fakes."""
    card = load_device("h200-sxm")
    found = SimpleNamespace(device="cuda:0", name="NVIDIA H200", match=SimpleNamespace(device=card))
    fakes: dict[str, Callable[..., Any]] = {
        "detected": lambda _device: found,
        "measure_rates": lambda _device: CALIBRATION,
        "environment": lambda *_args, **_options: ENVIRONMENT,
        "all_cases": lambda: [linear_case(str(number)) for number in range(5)],
        "run_cases": timed,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(cuda, name, fake)


def timed(cases: Any, _options: Any, predictor: Any) -> Iterator[Measured]:
    for case in cases:
        trace = trace_operators(case.build_module("meta"), case.build_inputs("meta"))
        predicted_s, source = predictor.latency(trace, "bfloat16")
        yield row(case.target, predicted_s=predicted_s, prediction=source)


@pytest.mark.usefixtures("_gpu")
def test_a_part_has_its_cases_and_both_predictions() -> None:
    found = cuda.measure(2, 2)
    assert [each.target for each in found.run.rows] == ["1", "3"]
    assert all(found.listed_s)
    assert not found.run.interrupted
    assert found.calibration == CALIBRATION


@pytest.mark.usefixtures("_gpu")
def test_what_is_kept_is_predicted_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conditions = linear_case().conditions
    timed_rows = [row(name, conditions=conditions, predicted_s=9.0) for name in ("0", "3", "gone")]
    failed = row("1", conditions=conditions, median_s=None, iqr_s=None, error="out of memory")
    run = run_of(*timed_rows, failed, device_name="NVIDIA H200")
    whole = cuda.predicted_again(run, CALIBRATION)
    assert [each.target for each in whole.run.rows] == ["0", "3"]
    assert [each.predicted_s for each in whole.run.rows] == list(whole.listed_s)  # no rates in it
    assert whole.run.rows[0].predicted_held_bytes == 4 * (32 * 32 + 32 + 2 * 16 * 32)
    cuda.keep(whole, tmp_path)
    capsys.readouterr()
    assert cuda.main(["--again", str(tmp_path / "bench_nvidia-h200.json")]) == 1
    assert "2 of 2 cases timed" in capsys.readouterr().out


def test_the_worst_predictions_come_first() -> None:
    seconds = {"good": 0.00201, "bad": 0.001, "worst": 0.006, "unknown": None}
    rows = [row(name, predicted_s=each) for name, each in seconds.items()]
    lines = worst(run_of(*rows), 2)
    assert [line.split()[1] for line in lines] == ["worst,", "bad,"]
    assert lines[0].lstrip().startswith("+200.0%")


@pytest.mark.usefixtures("_gpu")
def test_a_part_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "LIMIT_S", -1.0)
    found = cuda.measure(1, 1)
    assert len(found.run.rows) == 1
    assert found.run.interrupted


def test_the_datasheet_is_asked_once_a_case() -> None:
    predictor = cuda.TwoPredictors(load_device("h200-sxm"), load_device("h200-sxm"))
    case = linear_case()
    trace = trace_operators(case.build_module("meta"), case.build_inputs("meta"))
    seconds, _ = predictor.latency(trace, "bfloat16")
    assert seconds is not None
    assert [predictor.taken(), predictor.taken()] == [seconds, None]


@pytest.mark.parametrize("text", ["0/2", "3/2", "x"])
def test_parts_that_cannot_be(text: str) -> None:
    with pytest.raises(SystemExit):
        cuda.main(["--part", text])


def test_all_methods_and_three_models_are_in_it() -> None:
    cases = cuda.all_cases()
    models = {case.conditions.model for case in cases}
    assert models == {"", *cuda.MODELS}
    methods = {case.target for case in cases if case.kind == "method"}
    assert len(methods) >= 47
    assert {case.conditions.batch_size for case in cases} == {1, 8}
    assert {case.conditions.dtype for case in cases} == {"bfloat16"}
