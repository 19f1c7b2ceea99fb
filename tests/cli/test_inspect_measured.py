"""`vlcalc inspect MODEL --measured`: a tiny model, timed for real, in place of what is modelled."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from vlcalc.runs.file import load_run

Run = Callable[..., Any]
TINY = """\
name: tiny
vision:
  name: tiny-vit
  image_size: 56
  patch_size: 14
  encoder:
    { depth: 3, width: 64, num_heads: 4, ffn_width: 128, patch_size: 14, position_side: 4 }
tiling: { kind: fixed, size: 56 }
fusion: { kind: mlp }
language:
  name: tiny-lm
  context_window: 512
  decoder:
    { depth: 5, width: 96, num_heads: 4, num_kv_heads: 2, ffn_width: 128, vocab_size: 200 }
"""
DEVICE = """\
name: toy
kind: cpu
reported_as: ["{}"]
bandwidth_bytes_per_s: 1.0e+10
flops_per_s: {{ float32: 1.0e+11 }}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture
def tiny(folder: Path) -> str:
    file = folder / "tiny.yaml"
    file.write_text(TINY, encoding="utf-8")
    return str(file)


@pytest.fixture
def saved(run: Run, tiny: str, folder: Path) -> Path:
    file = folder / "run.json"
    if not file.exists():
        args = ("--min-time", "0.01", "--threads", "1", "--device", "cpu", "--save", str(file))
        assert run("bench", tiny, *args).code == 0
    return file


def test_what_a_run_timed_is_shown_and_labelled(run: Run, tiny: str, saved: Path) -> None:
    rows = {row.target: row for row in load_run(saved).rows}
    ran = run("inspect", tiny, "--dtype", "fp32", "--measured", str(saved), "-f", "csv")
    assert (ran.code, ran.err) == (0, "")
    found = {line["phase"]: line for line in csv.DictReader(io.StringIO(ran.out))}
    assert float(found["encode"]["latency_s"]) == rows["tiny-vit 1 x 4x4"].median_s
    assert float(found["fuse"]["latency_s"]) == rows["fusion.mlp"].median_s
    prefill = [rows[name].median_s for name in ("language prefill", "language.embedding prefill")]
    assert float(found["prefill"]["latency_s"]) == pytest.approx(sum(filter(None, prefill)))
    decode = [
        rows[f"language.{name} decode"].median_s for name in ("embedding", "layers[0]", "head")
    ]
    once, layer, head = (each or 0 for each in decode)
    assert float(found["decode"]["latency_s"]) == pytest.approx(127 * (once + 5 * layer + head))
    assert [line["latency_source"] for line in found.values()] == [
        "measured", "measured", "measured", "measured x 5", "measured"
    ]  # fmt: skip


def test_people_are_told_the_machine(run: Run, tiny: str, saved: Path) -> None:
    machine = load_run(saved).environment
    out = run("inspect", tiny, "--dtype", "fp32", "--measured", str(saved)).out
    assert f"{machine.device_name}, measured on {machine.date}" in out
    assert f"Measured on {machine.date}: {machine.summary}." in out
    assert "`x N` says for how many of them it stands" in out
    assert "bound by" not in out


def test_what_is_missing_is_modelled_on_the_same_device(
    run: Run, tiny: str, saved: Path, tmp_path: Path
) -> None:
    kept = json.loads(saved.read_text(encoding="utf-8"))
    kept["rows"] = [row for row in kept["rows"] if not row["target"].startswith("fusion")]
    part, toy = tmp_path / "part.json", tmp_path / "toy.yaml"
    part.write_text(json.dumps(kept), encoding="utf-8")
    toy.write_text(DEVICE.format(kept["environment"]["device_name"]), encoding="utf-8")
    args = ("inspect", tiny, "--dtype", "fp32", "--measured", str(part))
    alone = json.loads(run(*args, "-f", "json").out)["speed"]
    assert (alone["phases"][1]["source"], alone["phases"][1]["latency_s"]) == (None, None)
    found = json.loads(run(*args, "--device", str(toy), "-f", "json").out)["speed"]
    assert [phase["source"] for phase in found["phases"]] == [
        "measured", "modelled", "measured", "measured x 5"
    ]  # fmt: skip
    assert (found["source"], found["predicted_on"]) == ("measured + modelled", "toy")
    assert "Not timed: fusion.mlp; as predicted." in run(*args, "--device", str(toy)).out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "50 text tokens, batch 1, bfloat16, got tiny (tiny-vit, tiny-lm) on 56x56, 4x4"),
        (("--dtype", "fp32", "--batch", "2"), "batch 2, float32, got tiny"),
        (("--dtype", "fp32", "--images", "2"), "expected one image in a prompt"),
        (("--dtype", "fp32", "--tp", "2"), "--tp: expected no splitting"),
        (("--dtype", "fp32", "--device", "h100-sxm"), "expected a run on `h100-sxm`"),
    ],
)
def test_a_file_of_other_conditions_is_one_line(
    run: Run, tiny: str, saved: Path, options: tuple[str, ...], words: str
) -> None:
    ran = run("inspect", tiny, "--measured", str(saved), *options)
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_file_that_is_none_is_one_line(run: Run, tiny: str) -> None:
    ran = run("inspect", "llava-1.5-7b", "--measured", tiny)
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "expected a file of `vlcalc bench --save`" in ran.err
    assert "an option of fusion methods" in run("inspect", "fusion:mlp", "--measured", tiny).err
