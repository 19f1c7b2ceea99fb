"""Names, files, parts, variants; and all errors of a file at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vlcalc.core.errors import InputError, SpecError
from vlcalc.core.image_size import ImageSize
from vlcalc.spec import catalogue
from vlcalc.spec.loader import (
    build_entry,
    check_file,
    load_spec,
)
from vlcalc.spec.schema import ModelSpec

MINE = """\
name: my-vlm
vision: { name: my-vit, patch_size: 16 }
tiling:
  kind: smart_resize
  min_pixels: 4096
  max_pixels: 1_048_576
language: { name: my-llm, context_window: 8192 }
"""

TWO_ERRORS = """\
name: my-vlm
vision: { name: my-vit, patch_size: sixteen }
tiling:
  kind: smart_resize
  min_pixel: 4096
  max_pixels: 1_048_576
language: { name: my-llm, context_window: 8192 }
"""


def write(tmp_path: Path, text: str, name: str = "my.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_the_users_own(tmp_path: Path) -> None:
    spec = load_spec(str(write(tmp_path, MINE)))
    assert spec.name == "my-vlm"
    assert spec.tiling.tile(ImageSize(512, 512)).image_tokens == 256


@pytest.mark.parametrize(
    "name",
    [
        "llava-1.5-7b",
        "llava-1.5",
        "llava-hf/llava-1.5-7b-hf",
        "LLaVA-hf/LLaVA-1.5-7b-HF",
        " llava-1.5 ",
    ],
)
def test_every_name_of_a_spec(name: str) -> None:
    assert load_spec(name).name == "llava-1.5-7b"


def test_a_part_is_filled_in_and_may_be_overridden(tmp_path: Path) -> None:
    text = MINE.replace("{ name: my-vit, patch_size: 16 }", "{ use: clip-vit-l-14-336 }")
    text = text.replace("{ name: my-llm, context_window: 8192 }",
                        "{ use: vicuna-7b-v1.5, context_window: 16384 }")  # fmt: skip
    spec = load_spec(str(write(tmp_path, text)))
    assert isinstance(spec, ModelSpec)
    assert spec.vision is not None
    assert (spec.vision.name, spec.vision.patch_size) == ("clip-vit-l-14-336", 14)
    assert (spec.language.name, spec.context_window) == ("vicuna-7b-v1.5", 16384)
    assert spec.tiling.patch == 14


def test_a_part_may_be_a_file_beside_the_spec(tmp_path: Path) -> None:
    write(tmp_path, "name: my-vit\npatch_size: 32\n", "vit.yaml")
    text = MINE.replace("{ name: my-vit, patch_size: 16 }", "{ use: vit.yaml }")
    assert load_spec(str(write(tmp_path, text))).tiling.patch == 32


def test_a_file_that_was_edited_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, MINE)
    assert load_spec(str(path)).context_window == 8192
    write(tmp_path, MINE.replace("8192", "4096"))
    assert load_spec(str(path)).context_window == 4096
    assert load_spec("llava-1.5-7b") is load_spec("llava-1.5-7b")  # the catalogue stays


def test_two_errors_are_both_reported(tmp_path: Path) -> None:
    path = write(tmp_path, TWO_ERRORS)
    with pytest.raises(SpecError) as caught:
        load_spec(str(path))
    first, second, third = str(caught.value).splitlines()
    assert first == f"{path}:2 `vision.patch_size`: expected an integer, got `'sixteen'`"
    assert second == f"{path}:3 `tiling.min_pixels`: expected the key `min_pixels`, got no such key"
    assert third.startswith(f"{path}:5 `tiling.min_pixel`: expected only known keys, got ")
    assert third.endswith("`min_pixel`; did you mean `min_pixels`?")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: my-vlm", "name: My VLM", r":1 `name`: expected text like `\^\[a-z0-9\]"),
        ("kind: smart_resize", "kind: smart_rezise", "did you mean `smart_resize`"),
        ("  kind: smart_resize\n", "", r"`tiling`: expected a mapping with the key `kind`"),
        (
            "min_pixels: 4096",
            "min_pixels: -1",
            r":5 `tiling.min_pixels`: expected above 0, got `-1`",
        ),
        ("min_pixels: 4096", "min_pixels: true", "expected an integer, got `True`"),
        ("min_pixels: 4096", "min_pixels: .nan", "expected an integer, got `'.nan'`"),
        ("min_pixels: 4096", "min_pixels: ", "expected an integer, got nothing"),
        ("name: my-llm, ", "", r":7 `language.name`: expected the key `name`, got no such key"),
        ("{ name: my-llm, context_window: 8192 }", "text", r":7 `language`: expected a mapping"),
        (
            "{ name: my-vit, patch_size: 16 }",
            "{ use: clip-vit-l-14-335 }",
            "did you mean `clip-vit-l-14-336`",
        ),
        (
            "language:",
            "languge:",
            r"`languge`: expected only known keys, .* did you mean `language`\?",
        ),
        ("patch_size: 16", "patch_size: 16, size: [1]", "`vision.size`: expected only known keys"),
    ],
)
def test_errors_in_words(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MINE
    path = write(tmp_path, MINE.replace(old, new))
    with pytest.raises((SpecError, InputError), match=message):
        load_spec(str(path))


def test_widths_that_do_not_go_together_are_both_named_with_their_lines(tmp_path: Path) -> None:
    llm = "{ use: vicuna-7b-v1.5, decoder: { num_heads: 33 } }"
    text = MINE.replace("{ name: my-llm, context_window: 8192 }", llm)
    with pytest.raises(SpecError) as raised:
        load_spec(str(write(tmp_path, text)))
    message = str(raised.value)
    assert "expected `num_heads` (33) that divides `width` (4096), got `num_heads` at " in message
    assert "my.yaml:7 and `width` at " in message
    assert message.endswith("vicuna-7b-v1.5.yaml:7")

    vit = "{\n  use: clip-vit-l-14-336,\n  width: 1025 }"
    text = MINE.replace("{ name: my-vit, patch_size: 16 }", vit)
    with pytest.raises(SpecError, match=r"\(1024\), got 1025; `width` at .*my.yaml:4 and `enc"):
        load_spec(str(write(tmp_path, text)))


def test_an_error_in_a_variant_points_into_the_variant(tmp_path: Path) -> None:
    variants = "variants:\n  - name: mine-2\n    tiling: { max_pixels: x }\n"
    path = write(tmp_path, MINE + variants)
    (error,) = check_file(path)
    assert str(error) == f"{path}:10 `tiling.max_pixels`: expected an integer, got `'x'`"


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match=r"got `qwen2.5vl`; did you mean `qwen2.5-vl`\?"):
        load_spec("qwen2.5vl")
    with pytest.raises(InputError, match="`vlcalc specs list` shows all names"):
        load_spec("zzzzzzzzzzzz")


@pytest.mark.parametrize("kind", list(catalogue.FOLDERS))
def test_every_shipped_spec_is_valid_named_after_its_file_and_cites_sources(kind: str) -> None:
    paths = list(catalogue.files(kind))
    assert paths
    for path in paths:
        assert check_file(path) == []
        document = catalogue.document_of(path).data
        assert document["name"] == path.stem
        assert document["sources"], path


def test_no_two_specs_answer_to_one_name() -> None:
    owners: dict[str, str] = {}
    for kind in ("model", "api"):
        for entry in catalogue.entries(kind):
            for name in entry.names:
                assert owners.setdefault(name, entry.name) == entry.name, name


@pytest.mark.parametrize("kind", ["model", "api"])
def test_variants_are_specs_of_their_own(kind: str) -> None:
    for entry in catalogue.entries(kind):
        spec = build_entry(entry)
        assert spec.name == entry.name
        assert load_spec(entry.name).name == entry.name


def test_the_catalogue_is_complete() -> None:
    assert len(list(catalogue.entries("model"))) >= 74
    assert len(list(catalogue.entries("api"))) >= 70


def test_an_unknown_part_does_not_hide_the_other_errors(tmp_path: Path) -> None:
    text = MINE.replace("{ name: my-vit, patch_size: 16 }", "{ use: clip-vit-l-14-335 }")
    path = write(tmp_path, text.replace("min_pixels: 4096", "min_pixels: -1"))
    first, second = check_file(path)
    assert "did you mean `clip-vit-l-14-336`" in str(first)
    assert "`tiling.min_pixels`: expected above 0" in str(second)


@pytest.mark.parametrize(
    "text",
    [
        "name: my-vit\npatch_size: 14\n",
        "name: my-llm\ncontext_window: 4096\n",
        "name: my-mlp\nfusion: { kind: mlp, depth: 3 }\n",
        MINE,
    ],
)
def test_a_file_of_any_kind_is_validated_as_what_it_is(tmp_path: Path, text: str) -> None:
    assert check_file(write(tmp_path, text)) == []


def test_counts_that_no_model_has_are_refused_at_once(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    huge.write_text(
        "name: huge\n"
        "vision: { name: v, patch_size: 14, image_size: 336 }\n"
        "tiling:\n"
        "  kind: grid\n"
        "  tile_size: 336\n"
        "  chooser: { kind: closest_ratio, max_tiles: 100000000 }\n"
        "fusion: { kind: q_former, depth: 200000000 }\n"
        "language:\n"
        "  name: lm\n"
        "  decoder: { depth: 30000, width: 64, num_heads: 4, ffn_width: 64, vocab_size: 9 }\n"
    )
    errors = [str(error) for error in check_file(huge)]
    assert [error.split("`")[1] for error in errors] == [
        "tiling.chooser.max_tiles",
        "fusion.depth",
        "language.decoder.depth",
    ]
    assert all("expected at most 10000" in error for error in errors)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: my-vlm\n", 'name: my-vlm\n"\\e[31m": 1\n', r"got `\\x1b\[31m`"),
        ("{ name: my-vit, patch_size: 16 }", '{ use: "a\\0b" }', "expected the name of a vision"),
        ("{ name: my-vit, patch_size: 16 }", f"{{ use: {'a' * 300} }}", r"got `a{80}\.\.\.`"),
        ("patch_size: 16", f"patch_size: {'9' * 10_000}", "at most 40 digits"),
    ],
)
def test_odd_letters_and_lengths_are_one_line(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in MINE
    (error,) = check_file(write(tmp_path, MINE.replace(old, new)))
    assert re.search(words, str(error))
    assert str(error).isprintable()
