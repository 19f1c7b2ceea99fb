"""Documentation is executed: the README's commands, Python, YAML and policy all do what it says."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import vlcalc
from tests import readme

needs_torch = pytest.mark.skipif(not find_spec("fvcore"), reason="needs the extra `torch`")
POLICY_SPEC = """\
name: squared
vision: { name: vit, patch_size: 14 }
tiling: { kind: square_budget, max_tokens: 600 }
language: { name: llm }
"""


@needs_torch
def test_every_command_prints_what_the_readme_shows() -> None:
    assert readme.rendered() == readme.README.read_text(encoding="utf-8")


@needs_torch
def test_commands_whose_output_is_never_the_same_run(tmp_path: Path) -> None:
    printed = {
        command: readme.run(command, tmp_path)
        for block in readme.blocks("sh")
        for command in block.splitlines()
    }
    first = next(iter(printed))
    titles = [line for line in printed[first].splitlines() if line.startswith(" target")]
    assert titles
    text = readme.README.read_text(encoding="utf-8")
    assert (
        titles[0].split()
        == next(line for line in text.splitlines() if line.startswith(" target")).split()
    )


@needs_torch
def test_python_examples() -> None:
    (block,) = (block for block in readme.blocks("python") if ">>>" in block)
    test = doctest.DocTestParser().get_doctest(block, {}, "README", None, None)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_a_policy_is_one_file(tmp_path: Path) -> None:
    """The README's policy, put beside the shipped ones, is found by its kind and works."""
    (block,) = (block for block in readme.blocks("python") if "@POLICIES" in block)
    policies, spec = tmp_path / "policies", tmp_path / "squared.yaml"
    policies.mkdir()
    (policies / "square_budget.py").write_text(block, encoding="utf-8")
    spec.write_text(POLICY_SPEC, encoding="utf-8")
    code = (
        "import sys, vlcalc, vlcalc.tiling\n"
        f"vlcalc.tiling.__path__.append({str(policies)!r})\n"
        f"print(vlcalc.tokens({str(spec)!r}, (640, 480)).image_tokens)\n"
        "from vlcalc.spec.json_schema import json_schema\n"
        "print('tiling policy: square_budget' in json_schema('model')['$defs'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert ran.stdout == "576\nTrue\n"


def test_a_model_of_the_catalogue_is_one_file(tmp_path: Path) -> None:
    """The README's YAML, put among the shipped specs, answers to its name."""
    (block,) = readme.blocks("yaml")
    code = (
        "import shutil, pathlib, vlcalc\n"
        "from vlcalc.spec import catalogue\n"
        f"specs = pathlib.Path({str(tmp_path)!r}) / 'specs'\n"
        "shutil.copytree(catalogue.specs_folder(), specs)\n"
        f"(specs / 'models' / 'my-vlm.yaml').write_text({block!r})\n"
        "catalogue.specs_folder = lambda: specs\n"
        "print(vlcalc.tokens('my-vlm', (1200, 800)).num_that_fit)\n"
        "print('my-vlm' in [entry.name for entry in catalogue.entries('model')])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[1] == "True"
    assert int(ran.stdout.splitlines()[0]) > 0


@needs_torch
def test_the_design_of_the_readme_is_complete(tmp_path: Path) -> None:
    readme.fill_folder(tmp_path)
    model = str(tmp_path / "my-vlm.yaml")
    costs = vlcalc.analyze(model, (1200, 800))
    assert None not in (costs.flops, costs.total_bytes, costs.peak_activation_bytes)
    assert sum(phase.flops or 0 for phase in costs.phases) == costs.flops
    budget = vlcalc.tokens(model, (1200, 800))
    assert costs.phases[1].num_tokens == budget.image_tokens == 7 * (27 // 3) ** 2
    assert vlcalc.fit(model, "rtx-4090", (1200, 800)).fits


@pytest.mark.parametrize(
    ("name", "num_examples"),
    [
        ("tokens", 1),
        ("calculator", 1),
        ("compare", 1),
        pytest.param("inspect", 3, marks=needs_torch),
        pytest.param("inspect_method", 1, marks=needs_torch),
        pytest.param("fit", 1, marks=needs_torch),
    ],
)
def test_examples_in_docstrings(name: str, num_examples: int) -> None:
    ran = doctest.testmod(importlib.import_module(f"vlcalc.api.{name}"))
    assert (ran.attempted, ran.failed) == (2 * num_examples, 0)
