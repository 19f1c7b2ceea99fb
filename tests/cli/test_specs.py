"""`vlcalc specs` and the surface of the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from vlcalc import __version__
from vlcalc.spec import catalogue

Run = Callable[..., Any]


def test_list(run: Run) -> None:
    rows = json.loads(run("specs", "list", "-f", "json").out)["rows"]
    kinds = {"model", "api", "vision", "language", "fusion", "device"}
    assert {row["kind"] for row in rows} == kinds
    llava = next(row for row in rows if row["name"] == "llava-1.5-7b")
    assert "llava-hf/llava-1.5-7b-hf" in llava["aliases"]
    assert {
        row["kind"]
        for row in json.loads(run("specs", "list", "--kind", "api", "-f", "json").out)["rows"]
    } == {"api"}


def test_list_of_an_unknown_kind(run: Run) -> None:
    ran = run("specs", "list", "--kind", "accelerator")
    assert (ran.code, ran.out) == (1, "")
    assert "--kind: expected `model` or `api`" in ran.err


def test_show_is_a_spec_that_validates(run: Run, tmp_path: Path) -> None:
    for name in ("qwen2.5-vl", "gpt-4o", "internvl", "llava-next-original", "lfm2-vl"):
        text = run("specs", "show", name).out
        assert yaml.safe_load(text)["name"]
        path = tmp_path / "shown.yaml"
        path.write_text(text, encoding="utf-8")
        assert run("specs", "validate", str(path)).code == 0


def test_show_of_an_unknown_name(run: Run) -> None:
    ran = run("specs", "show", "llava15")
    assert ran.code == 1
    assert "did you mean `llava-1.5`?" in ran.err


def test_validate_every_shipped_spec(run: Run) -> None:
    ran = run("specs", "validate")
    assert ran.code == 0
    assert ran.out.endswith(" valid\n")


def test_validate_reports_all_errors_of_all_files(run: Run, tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("name: One\ntiling: { kind: fixed }\nlanguage: { name: x }\n")
    two.write_text("a: 1\na: 2\n")
    ran = run("specs", "validate", str(one), str(two))
    lines = ran.err.splitlines()
    assert (ran.code, len(lines)) == (1, 3)
    assert "one.yaml:1 `name`" in lines[0]
    assert "one.yaml:2 `tiling.size`: expected the key `size`" in lines[1]
    assert "two.yaml:2: expected each key once" in lines[2]


@pytest.mark.parametrize("kind", ["model", "api", "vision", "language", "fusion", "device"])
def test_schema(run: Run, kind: str) -> None:
    assert json.loads(run("specs", "schema", "--kind", kind).out)["type"] == "object"


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(run: Run, option: str) -> None:
    assert run(option).out == f"vlcalc {__version__}\n"


def test_the_package_says_that_it_is_typed() -> None:
    assert files("vlcalc").joinpath("py.typed").is_file()


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("tokens",),
        ("compare",),
        ("inspect",),
        ("bench",),
        ("fit",),
        ("audit",),
        ("import",),
        ("verify",),
        ("devices",),
        ("devices", "list"),
        ("devices", "calibrate"),
        ("devices", "kernels"),
        ("specs",),
        ("specs", "list"),
        ("specs", "validate"),
    ],
    ids=" ".join,
)
def test_help_is_frozen(
    run: Run, golden: Callable[[str, str], None], args: tuple[str, ...]
) -> None:
    ran = run(*args, "--help")
    assert ran.code == 0
    golden("_".join(("help", *args)) + ".txt", ran.out)


@pytest.mark.parametrize(
    "name", ["clip-vit-l-14-336", "vicuna-7b-v1.5", "mlp", "gpt-4o", "h100-sxm"]
)
def test_whatever_is_listed_can_be_shown(run: Run, name: str) -> None:
    assert yaml.safe_load(run("specs", "show", name).out)["name"] == name


def test_a_folder_is_validated_as_its_files(run: Run, tmp_path: Path) -> None:
    assert run("specs", "validate", str(catalogue.specs_folder() / "devices")).out == "36 valid\n"
    ran = run("specs", "validate", str(tmp_path))
    assert (ran.code, ran.out) == (1, "")
    assert "expected a folder with YAML files" in ran.err
