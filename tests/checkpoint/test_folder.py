"""Files that are not what they should be, and what a folder may spell in several ways."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from vlcalc.checkpoint.load import is_checkpoint, load_checkpoint
from vlcalc.checkpoint.named import load_model
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize

LLAVA: dict[str, Any] = {"model_type": "llava"}
QWEN2_VL: dict[str, Any] = {"model_type": "qwen2_vl"}


def write(folder: Path, config: object, **files: object) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a JSON file"),
        ("[1]", "expected a JSON object, got a list"),
        ('{"a": 1, "a": 2}', "got the key `a` twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ('{"vocab_size": ' + "9" * 5000 + "}", "expected a JSON file"),
        ('{"model_type": 3}', "expected a model type that is known, got `3`"),
        ("{}", "expected a model type that is known, got none"),
        ('{"model_type": "llava2"}', "did you mean `llava`?"),
        ('{"model_type": "llava", "text_config": 3}', "text_config: expected an object, got `3`"),
        (
            '{"model_type": "llava", "text_config": {"hidden_size": NaN}}',
            "text_config.hidden_size: expected a number of at most",
        ),
        (
            '{"model_type": "llava", "text_config": {"num_hidden_layers": 100000000}}',
            "text_config.num_hidden_layers",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError) as error:
        load_checkpoint(tmp_path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        load_checkpoint(tmp_path)


def test_a_huge_file_is_refused_at_once(tmp_path: Path) -> None:
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(100 * 2**30)
    started = time.perf_counter()
    with pytest.raises(InputError, match="at most 16,777,216 bytes"):
        load_checkpoint(tmp_path)
    assert time.perf_counter() - started < 0.5


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(InputError, match="expected a regular file"):
        load_checkpoint(tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text(json.dumps(LLAVA))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(InputError, match="expected a regular file of the folder"):
        load_checkpoint(folder)


def test_links_into_the_store_of_the_cache_are_followed(tmp_path: Path) -> None:
    blobs, folder = tmp_path / "blobs", tmp_path / "snapshots" / "0123abcd"
    blobs.mkdir()
    folder.mkdir(parents=True)
    (blobs / "feed").write_text(json.dumps(LLAVA))
    (folder / "config.json").symlink_to(Path("../../blobs/feed"))
    assert load_checkpoint(folder).spec.vision is not None


def test_names_of_checkpoints(tmp_path: Path) -> None:
    write(tmp_path, LLAVA)
    assert is_checkpoint(str(tmp_path))
    assert is_checkpoint(str(tmp_path / "config.json"))
    assert not is_checkpoint("llava-1.5")
    assert load_model(str(tmp_path)) == load_model(str(tmp_path / "config.json"))
    assert load_model("llava-1.5").name == "llava-1.5-7b"


def test_a_bare_type_is_its_class(tmp_path: Path) -> None:
    """LLaVA's defaults are those of LLaVA-1.5 7B but for the rows of the embedding."""
    spec = load_checkpoint(write(tmp_path, LLAVA)).spec
    decoder = spec.language.decoder
    assert decoder is not None
    assert (decoder.depth, decoder.width, decoder.vocab_size) == (32, 4096, 32_000)


def test_values_remember_where_they_are_from(tmp_path: Path) -> None:
    text = {"model_type": "llama", "hidden_size": 64}
    loaded = load_checkpoint(write(tmp_path, {**LLAVA, "text_config": text}))
    width = loaded.document.mark(("language", "decoder", "width"))
    depth = loaded.document.mark(("language", "decoder", "depth"))
    assert str(width) == "config.json: text_config.hidden_size"
    assert str(depth) == "config.json: text_config.num_hidden_layers (llama default)"
    assert loaded.source.files == ("config.json",)


@pytest.mark.parametrize(
    "size",
    [
        {"size": 224, "crop_size": 224},
        {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}},
        {"size": [224, 224], "do_center_crop": False},
        {"size": {"height": 224, "width": 224}, "do_center_crop": False},
    ],
)
def test_spellings_of_a_square(tmp_path: Path, size: dict[str, object]) -> None:
    vision = {"model_type": "clip_vision_model", "patch_size": 14, "image_size": 224}
    write(tmp_path, {**LLAVA, "vision_config": vision}, preprocessor_config=size)
    tiling = load_checkpoint(tmp_path).spec.tiling
    assert tiling.tile(ImageSize(640, 480)).image_tokens == 256


@pytest.mark.parametrize(
    "limits",
    [
        {"min_pixels": 3136, "max_pixels": 200_704},
        {"size": {"shortest_edge": 3136, "longest_edge": 200_704}},
        {
            "size": {"shortest_edge": 1, "longest_edge": 2},
            "min_pixels": 3136,
            "max_pixels": 200_704,
        },
    ],
)
@pytest.mark.parametrize("nested", [True, False])
def test_spellings_of_pixel_limits(
    tmp_path: Path, limits: dict[str, object], *, nested: bool
) -> None:
    if nested:
        write(tmp_path, QWEN2_VL, processor_config={"image_processor": limits})
    else:
        write(tmp_path, QWEN2_VL, preprocessor_config=limits)
    tiling = load_checkpoint(tmp_path).spec.tiling
    # 1920 x 1080 px are 3.2143^2 times too many; of squares of 28 px 21 x 12 are left.
    assert tiling.tile(ImageSize(1920, 1080)).image_tokens == 21 * 12


def test_flat_and_nested_text_are_the_same(tmp_path: Path) -> None:
    """Qwen2-VL's own files have the language model's keys at the top."""
    text = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 99}
    flat = load_checkpoint(write(tmp_path, {**QWEN2_VL, **text})).spec
    nested = load_checkpoint(write(tmp_path, {**QWEN2_VL, "text_config": text})).spec
    assert flat == nested
    assert flat.language.decoder is not None
    assert flat.language.decoder.vocab_size == 99
