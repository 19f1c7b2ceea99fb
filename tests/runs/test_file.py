"""Saved runs: written and read again, and an error for all that can be wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runs.examples import conditions, row, run_of
from vlcalc.core.errors import InputError
from vlcalc.runs.file import load_run, to_json
from vlcalc.runs.run import Measured


def test_a_run_is_the_same_after_a_file(tmp_path: Path) -> None:
    run = run_of(row(), row("linear", conditions=conditions(image="336x336")), driver="575.1")
    path = tmp_path / "run.json"
    path.write_text(to_json(run), encoding="utf-8")
    assert load_run(path) == run


def written(tmp_path: Path, **changes: Any) -> Path:
    document = json.loads(to_json(run_of(row())))
    document |= changes
    path = tmp_path / "run.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_another_schema_is_refused(tmp_path: Path) -> None:
    expected = r"`schema_version` 1, got `2`; measure again with this version"
    with pytest.raises(InputError, match=expected):
        load_run(written(tmp_path, schema_version=2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema_version": 1,', "broken json"),
        ("", "broken json"),
        ("[" * 100_000, "broken json"),
        ("[1]", "`schema_version` 1, got `null`"),
        ('{"schema_version": 1, "rows": [], "rows": []}', r"the key `rows` twice"),
        ('{"schema_version": 1, "a": ' + "9" * 5000 + "}", r"a number of 5,000 digits"),
        ('{"schema_version": 1}', r"run.json: `environment`: expected a value, got no such key"),
    ],
    ids=["cut", "empty", "deep", "list", "twice", "digits", "bare"],
)
def test_what_is_no_saved_run_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_run(path, where="--against")


def test_errors_name_file_and_key(tmp_path: Path) -> None:
    path = written(tmp_path, rows=[{**row().model_dump(), "median_s": -1.0}])
    with pytest.raises(InputError, match=r"--measured .*run\.json: `rows\.0\.median_s`: .*-1\.0"):
        load_run(path, where="--measured")


def test_times_without_end_are_refused(tmp_path: Path) -> None:
    for value in (float("inf"), float("nan")):
        path = written(tmp_path, rows=[{**row().model_dump(), "median_s": value}])
        with pytest.raises(InputError, match=r"`rows\.0\.median_s`: expected a finite number"):
            load_run(path, where="--measured")


def test_a_file_beyond_every_run_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="got 1,099,511,627,776 bytes"):
        load_run(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got no such file or directory"):
        load_run(tmp_path / "none.json")
    with pytest.raises(InputError, match="got is a directory"):
        load_run(tmp_path)
    (tmp_path / "image").write_bytes(b"\xff\xd8")
    with pytest.raises(InputError, match="got no text"):
        load_run(tmp_path / "image")


def test_what_follows_from_a_row() -> None:
    found = row(
        predicted_s=0.0015,
        predicted_activation_bytes=1100,
        predicted_held_bytes=9000,
        peak_flops_per_s=8e9,
        peak_bytes_per_s=4e9,
        conditions=conditions(batch_size=4),
    )
    assert found.flops_per_s == pytest.approx(4e9)
    assert found.flops_share == pytest.approx(0.5)
    assert found.bandwidth_share == pytest.approx(0.25)
    assert found.images_per_s == pytest.approx(2000)
    assert found.latency_error == pytest.approx(-0.25)
    assert (found.peak_bytes, found.predicted_bytes) == (10_000, 10_100)
    assert found.memory_error == pytest.approx(0.01)
    assert found.activation_error == pytest.approx(0.1)
    assert not found.noisy
    assert row(iqr_s=0.00021).noisy


def test_what_is_not_known_stays_unknown() -> None:
    bare = Measured(target="mlp", kind="method", conditions=conditions(), error="out of memory")
    values = (bare.flops_per_s, bare.flops_share, bare.images_per_s, bare.peak_bytes)
    errors = (bare.latency_error, bare.memory_error, bare.activation_error)
    assert {*values, *errors} == {None}
    assert not bare.noisy
    assert row(flops=0).flops_per_s is None
