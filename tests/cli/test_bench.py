"""`vlcalc bench` as a user types it."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from vlcalc.cli.progress import steps
from vlcalc.measurement.prediction import Predictor
from vlcalc.measurement.weights import placed_module
from vlcalc.runs.file import load_run

Run = Callable[..., Any]
SMALL = ("bench", "--methods", "mlb,gating", "--min-time", "0.001", "--threads", "1")


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep the user's calibration out, and the number of threads as it was."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_methods_are_timed(run: Run) -> None:
    ran = run(*SMALL, "-f", "csv")
    assert (ran.code, ran.err) == (0, "")
    mlb, gating = rows_of(ran.out)
    assert (mlb["target"], gating["target"]) == ("mlb", "gating")
    assert (mlb["dtype"], mlb["source"], mlb["vision"]) == (
        "float32",
        "measured",
        "clip-vit-l-14-336",
    )
    for row in (mlb, gating):
        assert 0 < float(row["min_s"]) <= float(row["median_s"]) < 1
        assert float(row["peak_bytes"]) > 1e6
        assert abs(float(row["memory_error"])) < 0.01
        assert row["predicted_s"] == ""  # nothing is known of this CPU


def test_people_see_the_machine(run: Run) -> None:
    out = run(*SMALL, "--sdpa", "math").out
    assert f"torch {torch.__version__}, 1 thread, attention math" in out.splitlines()[0]
    assert "`vlcalc devices calibrate` measures them" in out


def test_several_values_are_a_product(run: Run) -> None:
    args = ("--batch", "1,2", "--dtype", "fp32,bf16", "--tiles", "1,2", "-f", "csv")
    rows = rows_of(run("bench", "--methods", "gating", "--min-time", "0.001", *args).out)
    keys = [(row["columns"], row["num_views"], row["batch_size"], row["dtype"]) for row in rows]
    assert len(set(keys)) == len(rows) == 8
    sizes = rows_of(run(*SMALL, "--res", "224,336", "-f", "csv").out)
    assert [row["columns"] for row in sizes] == ["16", "24", "16", "24"]


def test_a_model_is_timed_by_component(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Predictor, "rough_s", lambda *_: 1e9)
    args = ("bench", "smolvlm-256m", "--res", "64", "--text", "8")
    ran = run(*args, "-f", "csv")
    targets = [row["target"] for row in rows_of(ran.out)]
    assert targets[0].startswith("siglip-b-16-512")
    assert {
        "fusion.pixel_shuffle[0]",
        "language.layers[0] prefill",
        "language.layers[0] decode",
        "language prefill",
    } <= set(targets)
    assert ran.code == 1  # not one was timed
    assert all("longer than" in row["error"] for row in rows_of(ran.out))


def test_a_model_that_cannot_fit_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlcalc.measurement.run.free_bytes", lambda _device: 2**20)
    ran = run("bench", "smolvlm-256m", "--res", "64", "-f", "csv")
    whole = rows_of(ran.out)[-1]
    assert whole["target"] == "language prefill"
    assert whole["error"].startswith("needs 6")
    assert whole["error"].endswith("MiB, 1.00 MiB are free")
    assert ran.code == 1


def test_a_saved_run_is_compared_with(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    assert run(*SMALL, "--save", str(file)).code == 0
    saved = load_run(file)
    assert [row.target for row in saved.rows] == ["mlb", "gating"]
    ran = run(*SMALL, "--against", str(file), "-f", "csv")
    assert ran.code == 0
    for row, before in zip(rows_of(ran.out), saved.rows, strict=True):
        assert float(row["saved_median_s"]) == before.median_s
        ratio = float(row["median_s"]) / float(row["saved_median_s"])
        assert float(row["latency_ratio"]) == pytest.approx(ratio)
        assert row["beyond_spread"] in ("yes", "no")
        assert row["memory_ratio"] == "1.0"
    assert "This run against the saved one" in run(*SMALL, "--against", str(file)).out


def test_another_device_needs_force(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    run(*SMALL, "--save", str(file))
    document = json.loads(file.read_text(encoding="utf-8"))
    document["environment"]["device_name"] = "NVIDIA H200"
    file.write_text(json.dumps(document), encoding="utf-8")
    ran = run(*SMALL, "--against", str(file))
    assert (ran.code, ran.out) == (1, "")
    assert "expected a saved run of this device" in ran.err
    assert "got NVIDIA H200; `--force`" in ran.err
    forced = run(*SMALL, "--against", str(file), "--force")
    assert forced.code == 0
    assert "NVIDIA H200 saved." in forced.out


def test_ctrl_c_keeps_what_is_done(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[int] = []

    def interrupting(*args: Any) -> Any:
        built.append(1)
        if len(built) == 2:
            raise KeyboardInterrupt
        return placed_module(*args)

    monkeypatch.setattr("vlcalc.measurement.run.placed_module", interrupting)
    file = tmp_path / "run.json"
    ran = run(*SMALL, "--save", str(file), "-f", "csv")
    assert ran.code == 130
    assert [row["target"] for row in rows_of(ran.out)] == ["mlb"]
    assert ran.err == "interrupted: 1 of 2 cases are done\n"
    saved = load_run(file)
    assert saved.interrupted
    assert [row.target for row in saved.rows] == ["mlb"]


def test_predictions_for_a_named_device(run: Run) -> None:
    (row, _) = rows_of(run(*SMALL, "--dtype", "bf16", "--peaks", "h200", "-f", "csv").out)
    assert float(row["predicted_s"]) < 1e-3
    assert row["prediction"] == "modelled"
    assert 0 < float(row["flops_share"]) < 1


def test_a_device_file_without_the_peak(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "card.yaml"
    file.write_text(
        "name: card\nkind: gpu\nbandwidth_bytes_per_s: 1.0e+12\n"
        'flops_per_s: {float16: 1.0e+14}\nsources: ["https://example.org"]\n',
        encoding="utf-8",
    )
    ran = run(*SMALL, "--peaks", str(file))
    assert (ran.code, ran.out) == (1, "")
    assert "--peaks: expected a device whose peak in `float32` is known, got `card`" in ran.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--device", "cuba"), "--device: expected one of `auto`, `cpu`, `cuda`, `mps`"),
        (("--methods", "mlp"), "--methods: expected it once, got it 2 times; several values are"),
        (("--dtype", "fp31"), "--dtype: expected a dtype, got `fp31`"),
        (("--sdpa", "flesh"), "--sdpa: expected one of"),
        (("--columns", "medain_s"), "--columns: expected the key of a column, got `medain_s`"),
        (("--format", "tabel"), "got `tabel`"),
        (("--batch", "0"), "--batch: expected at least 1, got `0`"),
        (("--image", "3*3"), "--image: expected a size such as `1920x1080`"),
        (("--image", "9x9", "--tiles", "2"), "expected an image or a number of tiles, not both"),
        (("--peaks", "h2000"), "--peaks: expected the name of a device"),
        (("--save", "none/run.json"), "--save none/run.json: expected a file that can be written"),
        (("--output", "."), "--output .: expected a file that can be written, got a folder"),
        (("--against", "none.json"), "--against none.json: expected a file that can be read"),
    ],
)
def test_bad_input(run: Run, args: tuple[str, ...], message: str) -> None:
    ran = run(*SMALL, *args)
    assert (ran.code, ran.out) == (1, "")
    assert message in ran.err


def test_an_unknown_method(run: Run) -> None:
    ran = run("bench", "--methods", "perciever")
    assert (ran.code, ran.out) == (1, "")
    assert "got `perciever`; did you mean `perceiver`?" in ran.err


def test_a_model_has_parts_of_its_own(run: Run) -> None:
    ran = run("bench", "llava-1.5-7b", "--vision", "clip-vit-b-32")
    assert (ran.code, ran.out) == (1, "")
    assert "--vision: expected methods that are put on it, got `clip-vit-b-32`" in ran.err


def test_a_device_that_is_not_here(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ran = run(*SMALL, "--device", "cuda")
    assert (ran.code, ran.out) == (1, "")
    expected = "--device: expected a device that torch sees here, got `cuda`; here: "
    assert expected in ran.err


def test_tiles_are_not_for_models(run: Run) -> None:
    ran = run("bench", "llava-1.5-7b", "--tiles", "2")
    assert ran.code == 1
    assert "expected no number of tiles, as a model cuts its images itself, got 2" in ran.err
    ran = run("bench", "gpt-4o")
    assert "expected a model whose architecture is known, got `gpt-4o`" in ran.err


def test_progress_is_shown_in_a_terminal_between_cases(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with steps() as begin:
        begin(0, 2, "mlp")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with steps() as begin:
        begin(0, 2, "mlp")
        begin(1, 2, "q_former")
    shown = capsys.readouterr()
    assert shown.out == ""
    for text in ("0/2", "mlp", "1/2", "q_former"):
        assert text in shown.err
