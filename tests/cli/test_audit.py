"""`vlcalc audit` as a user types it."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="claims run modules"
)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_one_model(run: Run, golden: Callable[[str, str], None]) -> None:
    """Three figures are printed for the same prompt, each by a convention of its own."""
    ran = run("audit", "llava-1.5-7b")
    assert ran.code == 0
    golden("audit_llava.txt", ran.out)
    rows = rows_of(run("audit", "llava-1.5-7b", "-f", "csv").out)
    assert [row["verdict"] for row in rows] == [
        *("equal", "different", "explained", "different"),
    ]
    for row in rows:
        off = float(row["published"]) - int(row["ours"])
        assert float(row["difference"]) == off
        assert float(row["share"]) == pytest.approx(off / int(row["ours"]))


def test_all_is_the_default(run: Run) -> None:
    everything = run("audit", "-f", "csv").out
    assert everything == run("audit", "all", "-f", "csv").out
    rows = rows_of(everything)
    assert {row["spec"] for row in rows} >= {
        "llava-1.5-7b",
        "fusion:qwen-vl-adapter",
        "flamingo-80b",
    }
    assert all(row["source"] and row["verdict"] for row in rows)


def test_only_some_verdicts(run: Run) -> None:
    rows = rows_of(run("audit", "--only", "different,not-recomputed", "-f", "csv").out)
    assert {row["verdict"] for row in rows} == {"different", "not recomputed"}
    assert all(row["why"] for row in rows)


def test_a_model_without_figures_says_so(run: Run) -> None:
    ran = run("audit", "gpt-4o")
    assert ran.code == 0
    assert "quotes no figure" in ran.out


@needs_torch
def test_claims(run: Run, golden: Callable[[str, str], None]) -> None:
    ran = run("audit", "--claims")
    assert ran.code == 0
    golden("audit_claims.txt", ran.out)
    assert ran.out.count("\n 0") == 96
    assert "96 claims: 61 right, 11 approximate, 24 wrong." in ran.out


@needs_torch
def test_claims_for_machines(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    assert run("audit", "--claims", "-f", "json", "-o", str(path)).out == ""
    rows = {row["id"]: row for row in json.loads(path.read_text(encoding="utf-8"))["rows"]}
    assert rows["001-21"]["true_value"]["text_0"]["attention_ratio"] == 81
    assert rows["001-07"]["claimed"] == {"rounded": 42_000_000}
    wrong = rows_of(run("audit", "--claims", "--only", "wrong", "-f", "csv").out)
    assert len(wrong) == 24
    assert json.loads(wrong[-1]["true_value"])["openflamingo"] == 256


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("audit", "llava-1.5-7"), "did you mean `llava-1.5-7b`?"),
        (("audit", "--only", "diferent"), "--only: expected verdicts, of `equal`"),
        (("audit", "--only", "diferent"), "did you mean `different`?"),
        pytest.param(
            *(("audit", "--claims", "--only", "equal"), "of `right`, `approximate`, `wrong`"),
            marks=needs_torch,
        ),
        (("audit", "llava-1.5-7b", "--claims"), "expected no model beside --claims"),
        (("audit", "nothing.yaml"), "nothing.yaml"),
    ],
)
def test_errors(run: Run, args: tuple[str, ...], message: str) -> None:
    ran = run(*args)
    assert ran.code == 1
    assert message in ran.err
    assert ran.out == ""


def test_figures_need_no_torch() -> None:
    code = (
        "import sys\nfrom vlcalc.cli import main\nsys.argv = ['vlcalc', 'audit', 'all']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted(set(sys.modules) & {'torch', 'numpy'}), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == "[]\n"


def test_a_preset_of_a_models_name_is_told_from_the_model(run: Run) -> None:
    model, preset = (
        rows_of(run("audit", name, "-f", "csv").out)
        for name in ("flamingo-3b", "fusion:flamingo-3b")
    )
    assert {row["spec"] for row in model} == {"flamingo-3b"}
    assert {(row["spec"], row["ours"]) for row in preset} == {("fusion:flamingo-3b", "1327850544")}
    assert run("audit", "fusion:llava-1.5-7b").code == 1  # a model alone has that name
