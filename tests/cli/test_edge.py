"""The edge of the command line: what is refused before anything is computed, and how it is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vlcalc.api.argument import Argument
from vlcalc.cli.option_names import error_lines, option_name
from vlcalc.core.errors import InputError

Run = Callable[..., Any]
MODEL = ("tokens", "--model", "llava-1.5")


@pytest.fixture
def nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(*_: object, **__: object) -> None:
        raise AssertionError("computed before it was refused")

    monkeypatch.setattr("vlcalc.api.compare.compare_methods", compute)
    monkeypatch.setattr("vlcalc.api.tokens.token_rows", compute)


@pytest.mark.usefixtures("nothing_is_computed")
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("compare", "--sort", "nosuch"), "--sort: expected the key of a column, got `nosuch`"),
        (("compare", "--columns", "nosuch"), "--columns: expected the key of a column"),
        (("compare", "--baseline", "nosuch"), "--baseline: expected the name of a compared method"),
        (("compare", "--pareto", "nosuch,num_params"), "--pareto: expected the key of a column"),
        (("compare", "--pareto", "num_params"), "--pareto: expected two different columns or more"),
        (("compare", "--pareto", "num_params,-num_params"), "--pareto: expected two different"),
        (("compare", "--format", "xml"), "--format: expected the name of a format"),
        (("compare", "--output", "none/x"), "--output none/x: expected a file that can be written"),
        (("compare", "--measured", "none.json"), "--measured none.json: expected a file that can"),
        ((*MODEL, "--sort", "nosuch"), "--sort: expected the key of a column, got `nosuch`"),
        ((*MODEL, "--format", "xml"), "--format: expected the name of a format"),
        ((*MODEL, "--output", "none/x"), "--output none/x: expected a file that can be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_it_is_refused_before_anything_is_computed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(*args)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert f"error: {message}" in ran.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("inspect", "llava-1.5-7b", "--image", "3x3", "--image", "4x4"), "--image: expected it"),
        (("inspect", "fusion:mlp", "--depth", "1", "--depth", "2"), "--depth: expected it once"),
        (("compare", "--text", "1", "--text", "2"), "--text: expected it once, got it 2 times"),
        (("compare", "--methods", "a", "--methods", "b"), "several values are joined by commas"),
        (("fit", "llava-1.5-7b", "--batch", "1", "--batch", "2"), "--batch: expected it once"),
        (("tokens", "--thumbnail", "--no-thumbnail"), "--thumbnail: expected it once"),
        (("tokens", "-f", "csv", "--format", "json"), "--format: expected it once"),
        (("specs", "list", "--kind", "api", "--kind", "model"), "--kind: expected it once"),
        (("devices", "list", "--vendor", "amd", "--vendor", "nvidia"), "--vendor: expected it"),
        (("audit", "--only", "equal", "--only", "different"), "--only: expected it once"),
        (
            ("bench", "--text", "1", "--text", "2", "--text", "3"),
            "--text: expected it once, got it 3",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_last_of_several_does_not_win_silently(
    run: Run, args: tuple[str, ...], message: str
) -> None:
    ran = run(*args)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert message in ran.err


def test_what_may_be_given_twice(run: Run) -> None:
    once = run(*MODEL, "--image", "336x336", "--cost")
    assert run(*MODEL, "--image", "336x336", "--cost", "--cost").out == once.out
    both = run(*MODEL, "--image", "336x336", "--image", "5x5", "-f", "csv")
    assert len(both.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("args", "option"),
    [
        (("compare",), "--text"),
        ((*MODEL,), "--text"),
        ((*MODEL,), "--reserve"),
        (("inspect", "llava-1.5-7b"), "--text"),
        (("inspect", "llava-1.5-7b"), "--output-tokens"),
        (("inspect", "llava-1.5-7b"), "--batch"),
        (("fit", "llava-1.5-7b", "--device", "a100"), "--batch"),
        (("bench",), "--text"),
        (("compare",), "--res"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_comma_is_refused_where_one_number_is_taken(
    run: Run, args: tuple[str, ...], option: str
) -> None:
    ran = run(*args, option, "50,100")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert f"error: {option}: expected a whole number" in ran.err
    assert "one number is taken here" in ran.err


@pytest.mark.parametrize(
    ("args", "option"),
    [(("tokens",), "--res"), (("tokens", "--res", "336"), "--context"), (("bench",), "--batch")],
)
def test_thousands_in_a_list_are_refused(run: Run, args: tuple[str, ...], option: str) -> None:
    ran = run(*args, option, "4,096")
    assert (ran.code, ran.out) == (1, "")
    assert f"error: {option}: expected whole numbers joined by commas, got `4,096`" in ran.err


def test_a_fusion_method_of_a_file_takes_the_options_of_methods(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("fvcore")
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nfusion: { kind: linear }\n", encoding="utf-8")
    assert run("inspect", str(path), "--depth", "0", "-f", "csv").code == 0
    ran = run("inspect", str(path), "--image", "3x3")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: --image: expected an option of fusion methods")


def test_an_argument_is_said_as_its_option() -> None:
    assert option_name("kv_dtype") == "--kv-dtype"
    error = InputError(expected="a", got="b", where=Argument("num_images"))
    assert str(error) == "num_images: expected a, got b"
    assert list(error_lines(error)) == ["--images: expected a, got b"]
    error = InputError(expected="a", got="b", where=Argument("measured my run.json"))
    assert list(error_lines(error)) == ["--measured my run.json: expected a, got b"]
    error = InputError(expected="a", got="b", where="num_images")  # a file of that name
    assert list(error_lines(error)) == ["num_images: expected a, got b"]
