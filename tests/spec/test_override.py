"""Settings laid over a spec give what a YAML file with the same keys gives, errors included."""

from __future__ import annotations

from pathlib import Path

import pytest

import vlcalc
from vlcalc.api.overrides import spec_with
from vlcalc.core.errors import SpecError, VlcalcError
from vlcalc.spec.loader import load_spec
from vlcalc.spec.parts import load_language
from vlcalc.spec.schema import ModelSpec

QWEN = "qwen2.5-vl-7b"


def test_a_tiling_key_gives_the_tokens_of_the_variant_that_is_written_so() -> None:
    settings = {"tiling.min_pixels": 200_704, "tiling.max_pixels": 1_003_520}
    for side in range(40, 3000, 60):
        ours = vlcalc.tokens(QWEN, (side, 900), overrides=settings)
        assert ours.image_tokens == vlcalc.tokens("qwen2.5-vl-1280", (side, 900)).image_tokens


def test_a_part_takes_the_place_of_another_and_brings_its_own_shape() -> None:
    spec = spec_with("internvl2-2b", {"language.use": "qwen3-8b"})
    assert isinstance(spec, ModelSpec)
    assert spec.language == load_language("qwen3-8b")


def test_a_yaml_file_takes_the_same_keys(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "specs" / "models" / f"{QWEN}.yaml"
    file = tmp_path / "mine.yaml"
    file.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    settings = {"tiling.max_pixels": 1_003_520}
    assert spec_with(str(file), settings) == spec_with(QWEN, settings)


def test_what_is_overridden_stands_in_the_name_and_the_catalogue_stays() -> None:
    spec = spec_with(QWEN, {"tiling.max_pixels": 1_003_520, "fusion.norm": "rms"})
    assert spec.name == f"{QWEN} (tiling.max_pixels=1003520, fusion.norm=rms)"
    assert load_spec(QWEN).tiling != spec.tiling


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"tiling.max_pixel": 1},
            (
                "overrides `tiling.max_pixel`: expected only known keys, got "
                "`max_pixel`; did you mean `max_pixels`?"
            ),
        ),
        (
            {"tiling.max_pixels": "many"},
            ("overrides `tiling.max_pixels`: expected an integer, got `'many'`"),
        ),
        ({"tiling.max_pixels": 0}, "overrides `tiling.max_pixels`: expected "),
        ({"tiling.max_pixels": 1, "tiling": {"kind": "smart_resize"}}, "each key once"),
        ({"fusion..depth": 1}, "overrides: expected a key such as"),
        ({"language.use": "qwen3-9b"}, "overrides `language.use`: expected the name of a language"),
        ({"fusion.kind": "linear"}, "overrides: expected as many image tokens from `tiling`"),
        ({"tiling.chooser.max_tiles": 4}, "`tiling.chooser`: expected only known keys"),
    ],
)
def test_what_is_wrong_is_said_of_the_setting(settings: dict[str, object], words: str) -> None:
    with pytest.raises(VlcalcError) as caught:
        spec_with(QWEN, settings)
    assert words in str(caught.value)


def test_all_that_is_wrong_is_said() -> None:
    with pytest.raises(SpecError) as caught:
        spec_with(QWEN, {"tiling.max_pixels": 0, "language.context_window": "long"})
    assert len(caught.value.errors) == 2


def test_a_file_builds_on_a_model(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: mine\nuse: {QWEN}\ntiling: {{ max_pixels: 1_003_520 }}\n")
    (tmp_path / "next.yaml").write_text("name: next\nuse: mine.yaml\nfusion: { norm: layer }\n")
    base = load_spec(QWEN)
    mine, built = load_spec(str(file)), load_spec(str(tmp_path / "next.yaml"))
    assert isinstance(base, ModelSpec)
    assert isinstance(mine, ModelSpec)
    assert mine.tiling == spec_with(QWEN, {"tiling.max_pixels": 1_003_520}).tiling
    assert (mine.name, mine.language, mine.published) == ("mine", base.language, ())
    assert (built.name, built.tiling) == ("next", mine.tiling)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"name: mine\nuse: {QWEN}\ntiling:\n  max_pixel: 3\n", "mine.yaml:4 `tiling.max_pixel`"),
        ("name: mine\nuse: qwen2.5-vl-7\n", "mine.yaml:2 `use`: expected the name of a model"),
        ("name: mine\nuse: mine.yaml\n", "mine.yaml:2 `use`: expected at most 8 models"),
        (f"use: {QWEN}\n", "mine.yaml:1 `name`: expected the key `name`"),
    ],
)
def test_what_is_wrong_with_it_names_the_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(VlcalcError) as caught:
        load_spec(str(file))
    assert words in str(caught.value)
