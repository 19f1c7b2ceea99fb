"""Wrong input on purpose: one clear line, exit code 1, nothing on stdout, no partial file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Run = Callable[..., Any]
MODEL = ("--model", "llava-1.5")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    Image.effect_noise((200, 200), 50).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:2000])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "twice.yaml").write_text("name: a\nname: b\n")
    (tmp_path / "bomb.yaml").write_text(
        "k0: &k0 [x]\n" + "".join(f"k{i}: &k{i} [*k{i - 1}, *k{i - 1}]\n" for i in range(1, 30))
    )
    (tmp_path / "two.yaml").write_text("name: A\ntiling: { kind: fixed, size: x }\nlanguage: {}\n")
    (tmp_path / "columns.csv").write_text("w,h\n1,2\n")
    (tmp_path / "text.csv").write_text("width,height\n1,2\nwide,high\n")
    for name in ("big.yaml", "big.csv", "big.png"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 30)
    return tmp_path


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--image", "0x5"), "--image: expected sides of 1 to 100,000 px, got 0x5"),
        (
            ("--image=-5x5",),
            "--image: expected a size such as `1920x1080`, got `-5x5`; width first",
        ),
        (("--image", "1920*1080"), "--image: expected a size such as `1920x1080`, got `1920*1080`"),
        (("--image", "100001x5"), "expected sides of 1 to 100,000 px, got 100001x5"),
        (("--image", "cut.jpg"), "cut.jpg: expected an image, got a truncated JPEG"),
        (("--image", "text.png"), "text.png: expected an image, got a file that is no image"),
        (("--image", "none.png"), "none.png: expected an image, got no such file"),
        (("--image", "empty"), "empty: expected a folder with images, got none"),
        (("--image", "big.png"), "big.png: expected an image, got a file that is no image"),
        (("--res", ""), "--res: expected a value, got nothing"),
        ((*MODEL, "--patch", "14"), "expected no --patch here, got `14`"),
        ((*MODEL, "--explain", "--check"), "expected no --check here, got --check"),
        (("--tiles", "0"), "expected 1 to 1,000,000 tiles, got 0"),
        (("--grid", "3x"), "--grid: expected a grid such as `3x2`, columns x rows, got `3x`"),
        (("--res", "0"), "--res: expected at least 1, got `0`"),
        (("--res", "NaN"), "--res: expected a whole number such as `4096` or `4K`, got `NaN`"),
        (("--res", "336", "--images", "0"), "--images: expected at least 1 image, got 0"),
        (("--res", "336", "--text", "-1"), "--text: expected a whole number"),
        (("--res", "336", "--context", "0"), "--context: expected at least 1, got `0`"),
        (
            ("--res", "336", "--frames", "3"),
            "expected no --frames here, got `3`; it needs a --model",
        ),
        (("--res", "336", "--format", "xml"), "--format: expected the name of a format, got `xml`"),
        (("--res", "336", "--image", "5x5"), "expected no --res here"),
        (("--model", "qwen2.5vl"), "got `qwen2.5vl`; did you mean `qwen2.5-vl`?"),
        (("--model", "two.yaml"), "two.yaml:1 `name`: expected text like"),
        (("--model", "twice.yaml"), "twice.yaml:2: expected each key once, got `name` again"),
        (("--model", "bomb.yaml"), "expected at most 50,000 values, aliases written out, got more"),
        (("--model", "big.yaml"), "big.yaml: expected a spec of at most 262,144 bytes"),
        (("--model", "none.yaml"), "none.yaml: expected a readable YAML file, got no such file"),
        ((*MODEL, "--tiles", "4"), "expected no --tiles here, got `4`; the model's own rule"),
        ((*MODEL, "--sort", "tokns"), "expected the key of a column, got `tokns`"),
        ((*MODEL, "--video", "5", "5x5"), "--video: expected SECONDS@FPS such as `60@2`, got `5`"),
        ((*MODEL, "--video", "5@1", "5"), "--video: expected a size such as `1920x1080`, got `5`"),
        ((*MODEL, "--detail", "low"), "expected a detail level for hosted APIs only, got `low`"),
        ((*MODEL, "--each"), "expected no --each here, got --each; it goes with --sizes"),
        (("--model", "qwen2.5-vl", "--image", "1x201"), "1x201: one side is more than 200 times"),
        (("--sizes", "text.csv"), "--sizes: expected a --model to count for, got none"),
        ((*MODEL, "--sizes", "none.csv"), "none.csv: expected a CSV file or a folder, got no such"),
        (
            (*MODEL, "--sizes", "columns.csv"),
            "columns.csv:1: expected a column `width`, got `w`, `h`",
        ),
        ((*MODEL, "--sizes", "text.csv"), "text.csv:3: expected whole numbers for width, height"),
        ((*MODEL, "--sizes", "big.csv"), "big.csv:1: expected whole numbers"),
        ((*MODEL, "--sizes", "empty"), "empty: expected a folder with images, got none"),
        ((*MODEL, "--output", "no/such/file"), "expected a file that can be written, got no such"),
        ((*MODEL, "--output", "empty"), "expected a file that can be written, got a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_one_clear_line(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(files)
    ran = run("tokens", *args)
    assert (ran.code, ran.out) == (1, "")
    assert message in ran.err
    assert all(line.startswith("error: ") for line in ran.err.splitlines())


@pytest.mark.parametrize(
    ("command", "option"),
    [
        *(
            (("inspect", "llava-1.5-7b"), option)
            for option in ("image", "text", "output-tokens", "kv-dtype", "quant", "logits")
        ),
        *(
            (("bench", "--methods", "mlp"), option)
            for option in ("image", "res", "tiles", "batch", "dtype", "columns")
        ),
        *(
            (("compare", "--methods", "mlp"), option)
            for option in ("image", "res", "columns", "sort", "pareto", "baseline")
        ),
        (("bench",), "methods"),
        (("devices", "list"), "dtype"),
        (("devices", "list"), "min-memory"),
    ],
)
def test_an_empty_value_is_not_the_default(run: Run, command: tuple[str, ...], option: str) -> None:
    if command[0] == "bench":
        pytest.importorskip("torch")
    ran = run(*command, f"--{option}=")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)


@pytest.mark.parametrize("command", [("inspect", "llava-1.5-7b"), ("compare",)])
def test_an_image_may_be_a_file(run: Run, files: Path, command: tuple[str, ...]) -> None:
    sized = run(*command, "--image", "200x200", "-f", "csv")
    assert (sized.code, sized.err) == (0, "")
    assert run(*command, "--image", str(files / "whole.jpg"), "-f", "csv").out == sized.out
    for name in ("text.png", "empty.png"):
        ran = run(*command, "--image", str(files / name))
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
        assert name in ran.err


def test_no_partial_file_is_left(run: Run, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    (files / "out.csv").write_text("kept")
    args = (*MODEL, "--sizes", "text.csv", "--each", "--format", "csv", "--output", "out.csv")
    before = sorted(files.iterdir())
    assert run("tokens", *args).code == 1
    assert sorted(files.iterdir()) == before
    assert (files / "out.csv").read_text() == "kept"


def test_wrong_usage_is_exit_code_2(run: Run) -> None:
    for args in (("tokens", "--tiles", "four"), ("tokens", "--no-such-option"), ("nonsense",)):
        assert run(*args).code == 2


def test_our_own_bugs_keep_their_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlcalc.cli.tokens.show_report", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("tokens", "--res", "336")
