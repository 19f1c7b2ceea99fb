"""`vlcalc compare` as a user types it."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Callable
from typing import Any

import pytest

from vlcalc.core.install import install_hint

pytest.importorskip("torch")

Run = Callable[..., Any]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_default_ten(run: Run, golden: Callable[[str, str], None]) -> None:
    ran = run("compare")
    assert ran.code == 0
    golden("compare.txt", ran.out)
    assert len(rows_of(run("compare", "-f", "csv").out)) == 10


def test_the_articles_overview_with_true_numbers(
    run: Run, golden: Callable[[str, str], None]
) -> None:
    ran = run("compare", "--columns", "overview")
    golden("compare_overview.txt", ran.out)
    for word in ("LLaVA", "BLIP-2", "Flamingo", "mid", "yes"):
        assert word in ran.out


def test_methods_by_name_preset_and_group(run: Run) -> None:
    args = ("compare", "--methods", "linear,llava-1.5-7b-mlp,late", "-f", "csv")
    names = [row["method"] for row in rows_of(run(*args).out)]
    assert names[:2] == ["linear", "llava-1.5-7b-mlp"]
    assert "dual_projection" in names


def test_image_and_tiles(run: Run) -> None:
    args = ("compare", "--methods", "linear", "-f", "csv")
    assert rows_of(run(*args, "--tiles", "4").out)[0]["image_tokens"] == "2880"
    assert rows_of(run(*args, "--image", "672x672").out)[0]["image_tokens"] == "2880"
    assert rows_of(run(*args, "--res", "224").out)[0]["image_tokens"] == "256"


def test_baseline_and_pareto(run: Run) -> None:
    args = ("compare", "--methods", "linear,mlp,q_former", "-f", "csv")
    ratios = rows_of(run(*args, "--baseline", "linear").out)
    assert float(ratios[1]["num_params_ratio"]) == pytest.approx(20_979_712 / 4_198_400)
    marked = rows_of(run(*args, "--pareto", "num_params,image_tokens").out)
    assert [row["pareto"] for row in marked] == ["*", "", "*"]


def test_sorting(run: Run) -> None:
    rows = rows_of(run("compare", "--sort", "-num_params", "-f", "csv").out)
    params = [int(row["num_params"]) for row in rows]
    assert params == sorted(params, reverse=True)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--methods", "perciever"), "got `perciever`; did you mean `perceiver`?"),
        (("--vision", "clip-vit-l-14-335"), "did you mean `clip-vit-l-14-336`?"),
        (("--language", "vicuna-7b"), "expected the name of a language"),
        (
            ("--dtype", "float23"),
            "--dtype: expected a dtype, got `float23`; did you mean `float32`",
        ),
        (("--attention", "flesh"), "`flesh`"),
        (("--batch", "0"), "expected 1 to 1,000,000 prompts in a batch, got 0"),
        (("--batch", "99999999999999"), "expected 1 to 1,000,000 prompts in a batch"),
        (("--tiles", "0"), "expected 1 to 1,000,000 tiles, got 0"),
        (("--text", "-1"), "--text: expected a whole number"),
        (("--image", "5*5"), "--image: expected a size such as `1920x1080`, got `5*5`"),
        (("--columns", "parms"), "--columns: expected the key of a column, got `parms`"),
        (("--pareto", "taxonomy"), "--pareto: expected columns of numbers, got `taxonomy`"),
        (("--baseline", "none"), "--baseline: expected the name of a compared method, got `none`"),
        (("--image", "5x5", "--tiles", "2"), "expected an image or a number of tiles, not both"),
    ],
)
def test_bad_input(run: Run, args: tuple[str, ...], message: str) -> None:
    ran = run("compare", *args)
    assert (ran.code, ran.out) == (1, "")
    assert message in ran.err


def test_without_torch_all_but_activations_is_there(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    without = {"torch": None}
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *_: without[name] if name in without else real(name),
    )
    ran = run("compare", "--methods", "linear")
    assert f"Peak activations need torch: {install_hint()}." in ran.out
    (row,) = rows_of(run("compare", "--methods", "linear", "-f", "csv").out)
    assert (row["num_params"], row["peak_activation_bytes"]) == ("4198400", "")
