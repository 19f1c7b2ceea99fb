"""`vlcalc inspect`: description, tree, totals, verification, and what it refuses."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vlcalc.core.install import install_hint

pytest.importorskip("fvcore")

Run = Callable[..., Any]
MLP = "fusion:llava-1.5-7b-mlp"


def rows(run: Run, *args: str) -> list[dict[str, Any]]:
    ran = run("inspect", *args, "-f", "json")
    assert ran.code == 0, ran.err
    found: list[dict[str, Any]] = json.loads(ran.out)["rows"]
    return found


def test_it_says_what_the_method_is_and_costs(run: Run) -> None:
    out = run("inspect", MLP, "--verify").out
    for words in ("taxonomy", "mid", "LLM modified", "spatial detail", "full grid", "used by",
                  "LLaVA-1.5", "arXiv:2310.03744", "20,979,712", "24.16 G", "GELU"):  # fmt: skip
        assert words in out
    verified = [line for line in out.splitlines() if line.strip().endswith("equal")]
    assert [line.split()[0] for line in verified] == ["parameters", "FLOPs"]
    assert verified[1].count("24,159,191,040") == 3


def test_machines_get_one_table_with_whole_figures(run: Run) -> None:
    root, *parts = rows(run, MLP, "--verify", "--depth", "3")
    assert (root["path"], root["params"]) == ("", 20_979_712)
    flops = 24_159_191_040
    assert root["flops"] == root["flops_closed_form"] == root["flops_torch"] == flops
    assert root["image_tokens"] == 576
    assert root["peak_activation_bytes"] == 2 * 576 * 4096 * 2
    leaves = [row for row in parts if row["path"].count(".") == 1]
    assert sum(row["flops"] for row in leaves) == flops
    assert [row["path"] for row in leaves] == ["layers.0", "layers.1", "layers.2"]


@pytest.mark.parametrize(
    ("option", "key", "factor"),
    [
        (("--batch", "2"), "flops", 2),
        (("--views", "3"), "flops", 3),
        (("--grid", "12x24"), "flops", 0.5),
        (("--vision-width", "2048"), "params", (2048 * 4096 + 4096) / (1024 * 4096 + 4096)),
        (("--text-width", "8192"), "params", 2),
        (("--dtype", "float32"), "weight_bytes", 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_each_option_changes_the_result(
    run: Run, option: tuple[str, ...], key: str, factor: float
) -> None:
    before, after = rows(run, "fusion:linear")[0], rows(run, "fusion:linear", *option)[0]
    assert after[key] == before[key] * factor


def test_text_and_attention_change_the_result(run: Run) -> None:
    few, many = (rows(run, "fusion:cross_attention", "--text", n)[0] for n in ("16", "32"))
    assert few["flops"] < many["flops"]
    flash, written = (
        rows(run, "fusion:cross_attention", "--attention", name)[0]["peak_activation_bytes"]
        for name in ("flash", "math")
    )
    assert flash < written


def test_depth_cuts_the_tree(run: Run) -> None:
    assert [row["path"] for row in rows(run, "fusion:linear", "--depth", "0")] == [""]
    assert [row["path"] for row in rows(run, "fusion:linear")] == ["", "project"]


def test_a_file_of_ones_own(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nfusion: { kind: linear, bias: false }\n")
    assert rows(run, f"fusion:{path}")[0]["params"] == 1024 * 4096


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("linear",), "expected a model, or `fusion:NAME`, got `linear`; `fusion:linear`"),
        (("fusion:perciever",), "did you mean `perceiver`?"),
        (("fusion:linear", "--dtype", "int3"), "--dtype: expected a dtype, got `int3`"),
        (("fusion:linear", "--attention", "flesh"), "did you mean `flash`?"),
        (("fusion:linear", "--grid", "24"), "--grid: expected a grid"),
        (("fusion:pixel_shuffle", "--grid", "23x24"), "(23)"),
        (("fusion:q_former", "--format", "xml"), "--format: expected the name of a format"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_it_refuses_takes_one_line(run: Run, args: tuple[str, ...], message: str) -> None:
    ran = run("inspect", *args)
    assert (ran.code, ran.out) == (1, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(("batch", "code"), [("-1", 1), ("0", 1)])
def test_a_batch_of_nothing_is_refused(run: Run, batch: str, code: int) -> None:
    ran = run("inspect", "fusion:linear", f"--batch={batch}")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: --batch: expected ")


def test_without_torch_it_names_the_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def find(name: str, *args: Any) -> Any:
        return None if name == "fvcore" else found(name, *args)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    ran = run("inspect", "fusion:linear")
    assert ran.code == 1
    assert ran.err == (
        "error: expected the extra `vlcalc[torch]`, which counts modules, got no fvcore; "
        f"{install_hint()}\n"
    )
