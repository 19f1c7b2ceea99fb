"""Weights beside a configuration: counted as the real classes do, whole, in shards and packed."""

from __future__ import annotations

import importlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import pytest

import vlcalc
from tests.checkpoint.case import CASES, COMPONENTS, Case
from tests.checkpoint.header_bytes import gguf_bytes, write_safetensors
from vlcalc.checkpoint.load import load_checkpoint
from vlcalc.checkpoint.stored import weights_beside
from vlcalc.checkpoint.weights.stored_weights import StoredWeights, read_folder
from vlcalc.core.errors import InputError
from vlcalc.cost.components import components
from vlcalc.spec.schema import ModelSpec

for name in ("cases_llava", "cases_native"):
    importlib.import_module(f"tests.checkpoint.{name}")

SEED = os.environ.get("CHECKPOINT_SEEDS", "").split() or [str(SystemRandom().randrange(10**9))]
SHARD_BYTES = 40_000
Tensors = dict[str, tuple[str, Sequence[int]]]


def saved(case: Case, folder: Path, **options: Any) -> None:
    """Write a folder, and the real class's weights in it, as that class saves them."""
    import torch
    import transformers

    case.save(folder, split=False)
    config = (folder / "config.json").read_bytes()
    model = getattr(transformers, case.model)(case.config).to(torch.bfloat16)
    model.save_pretrained(folder, **options)
    (folder / "config.json").write_bytes(config)


def stored_in(folder: Path) -> tuple[StoredWeights, ModelSpec]:
    spec = load_checkpoint(folder).spec
    stored = weights_beside(str(folder), spec)
    assert stored is not None
    return stored, spec


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of LLaVA with a tied head, and three layers or more to compare."""
    folder = tmp_path_factory.mktemp("llava")
    cases = (CASES["llava"](Random(seed)) for seed in count())
    saved(next(case for case in cases if is_wanted(case.text)), folder)
    return folder


def is_wanted(text: Any) -> bool:
    layered = text.model_type in ("llama", "mistral", "qwen2") and text.num_hidden_layers > 2
    return layered and text.tie_word_embeddings


@pytest.fixture
def folder(llava: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(llava, tmp_path / "model"))


def header_of(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return {name: entry for name, entry in header.items() if name != "__metadata__"}


def rewrite(folder: Path, changed: Mapping[str, tuple[str, Sequence[int]] | None]) -> StoredWeights:
    """Write the weights' header anew, some tensors changed, added or (None) left out."""
    path = folder / "model.safetensors"
    before = {name: (entry["dtype"], entry["shape"]) for name, entry in header_of(path).items()}
    tensors = {name: said for name, said in {**before, **changed}.items() if said is not None}
    write_safetensors(path, tensors)
    return stored_in(folder)[0]


@pytest.mark.parametrize("model_type", sorted(CASES))
def test_saved_weights_are_those_of_the_real_class(model_type: str, tmp_path: Path) -> None:
    note = f"CHECKPOINT_SEEDS={SEED[0]}"
    case = CASES[model_type](Random(f"{model_type} {SEED[0]}"))
    saved(case, tmp_path, max_shard_size=SHARD_BYTES)
    stored, spec = stored_in(tmp_path)
    real = case.params()
    assert stored.params == {name: real[name] for name in COMPONENTS}, note
    assert stored.weight_bytes == {name: 2 * real[name] for name in COMPONENTS}, note
    assert stored.differences(components(spec)._asdict()) == [], note
    assert stored.stored_bytes == 2 * real["total"], note


def test_shards_are_the_whole(tmp_path: Path) -> None:
    params, num_files = [], []
    for shard_bytes in (10**9, SHARD_BYTES):
        folder = tmp_path / str(shard_bytes)
        folder.mkdir()
        saved(CASES["gemma3"](Random(3)), folder, max_shard_size=shard_bytes)
        stored, _ = stored_in(folder)
        params.append(stored.params)
        num_files.append(len(stored.files))
    assert params[0] == params[1]
    assert num_files[0] == 1 < num_files[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected an index of JSON"),
        ("[]", "expected an object `weight_map`"),
        ('{"weight_map": {}}', "expected an object `weight_map`"),
        ('{"weight_map": {"a": 3}}', "expected names of safetensors files of the folder, got `3`"),
        ('{"weight_map": {"a": "../secret.safetensors"}}', "expected names of safetensors files"),
        ('{"weight_map": {"a": "/etc/passwd"}}', "expected names of safetensors files"),
        ('{"weight_map": {"a": "gone.safetensors"}}', "expected 1 files of weights, got 0"),
        ('{"weight_map": {"b": "one.safetensors"}}', "`one.safetensors`: expected the tensor `b`"),
        (
            '{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}',
            "expected a tensor in one file, got `a` twice",
        ),
    ],
)
def test_an_index_that_lies(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    for name in ("one", "two"):
        write_safetensors(tmp_path / f"{name}.safetensors", {"a": ("F32", [2])})
    with pytest.raises(InputError) as error:
        read_folder(tmp_path, {})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_large_index_is_refused_at_once(tmp_path: Path) -> None:
    with (tmp_path / "model.safetensors.index.json").open("wb") as file:
        file.truncate(100 * 2**30)
    with pytest.raises(InputError, match="expected an index of at most"):
        read_folder(tmp_path, {})


def test_which_files_are_the_weights(tmp_path: Path) -> None:
    for name in ("adapter_model.safetensors", "optimizer.bin", "x.txt"):
        (tmp_path / name).write_bytes(b"no weights")
    assert read_folder(tmp_path, {}) is None
    write_safetensors(tmp_path / "model-00001-of-00002.safetensors", {"a": ("F32", [2])})
    with pytest.raises(InputError, match="is the download complete"):
        read_folder(tmp_path, {})
    write_safetensors(tmp_path / "model-00002-of-00002.safetensors", {"b": ("BF16", [2])})
    stored = read_folder(tmp_path, {})
    assert stored is not None
    assert stored.bytes_by_dtype("language") == {"F32": 8, "BF16": 4}
    write_safetensors(tmp_path / "other.safetensors", {"b": ("BF16", [2])})
    with pytest.raises(InputError, match="expected one set of weights"):
        read_folder(tmp_path, {})


def test_a_pointer_of_git_lfs_is_no_file_of_weights(folder: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99\n"
    (folder / "model.safetensors").write_text(pointer)
    assert weights_beside(str(folder), load_checkpoint(folder).spec) is None


def test_gguf_of_language_model_and_encoder(tmp_path: Path) -> None:
    """Blocks of 256 take 144 bytes in Q4_K, a row of 64 in MXFP4 takes two of 17."""
    model = [("token_embd.weight", [256, 10], 12, 0), ("rope_freqs.weight", [8], 0, 1440)]
    vision = [("v.patch_embd.weight", [4, 4, 3, 8], 1, 0), ("mm.0.weight", [64, 2], 39, 768)]
    for name, tensors, data in (("llm", model, 1472), ("mmproj-llm", vision, 836)):
        content = gguf_bytes(tensors)
        (tmp_path / f"{name}.gguf").write_bytes(content + bytes(-len(content) % 32) + bytes(data))
    stored = read_folder(tmp_path, {})
    assert stored is not None
    assert stored.params == {"vision": 384, "fusion": 128, "language": 2560, "other": 0}
    assert stored.weight_bytes == {"vision": 768, "fusion": 68, "language": 1440, "other": 0}
    assert [tensor.name for tensor in stored.apart] == ["rope_freqs.weight"]


def test_buffers_and_copies_are_listed_apart(folder: Path) -> None:
    spec = load_checkpoint(folder).spec
    before, _ = stored_in(folder)
    head = next(c.tensor for c, _ in before.tensors if c.name.endswith("embed_tokens.weight"))
    assert spec.language.decoder is not None
    extra: Tensors = {
        "vision_tower.embeddings.position_ids": ("I64", [1, 17]),
        "language_model.model.layers.0.self_attn.rotary_emb.inv_freq": ("F32", [8]),
        "language_model.lm_head.weight": (head.dtype, head.shape),
    }
    stored = rewrite(folder, extra)
    assert spec.language.decoder.tied_embeddings
    assert stored.params == before.params
    assert {tensor.name for tensor in stored.apart} == set(extra)
    assert stored.weight_bytes == before.weight_bytes


def difference(folder: Path, changed: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    """Return by how much the language model differs, and the tensors that are shown."""
    stored = rewrite(folder, changed)
    (only,) = stored.differences(components(load_checkpoint(folder).spec)._asdict())
    assert only.component == "language"
    return only.stored - only.expected, only.tensors


def test_tensors_that_differ_are_named(folder: Path) -> None:
    layer = "language_model.model.layers.1.mlp.up_proj.weight"
    rows, columns = header_of(folder / "model.safetensors")[layer]["shape"]
    number, tensors = difference(folder, {layer: None})
    assert (number, tensors) == (-rows * columns, (f"{layer}: missing",))
    number, tensors = difference(folder, {layer: ("BF16", [rows, columns + 1])})
    assert number == rows
    assert tensors == (f"{layer}: {rows}x{columns + 1}, not {rows}x{columns}",)
    both: Tensors = {layer: ("BF16", [rows, columns]), "extra.thing": ("BF16", [17])}
    assert difference(folder, both) == (17, ("extra.thing: unexpected",))


def test_inspect_and_fit_use_the_bytes_of_the_files(folder: Path) -> None:
    """In float32 on the disk, so that no default is mistaken for what is stored."""
    path = folder / "model.safetensors"
    stored = rewrite(folder, {n: ("F32", e["shape"]) for n, e in header_of(path).items()})
    params = components(load_checkpoint(folder).spec)
    assert params.total is not None
    inspection = vlcalc.inspect(str(folder))
    assert inspection.inference.weights._asdict() == stored.weight_bytes
    assert inspection.inference.weights.total == 4 * params.total
    assert vlcalc.analyze(str(folder)).weights.total == 4 * params.total
    document = inspection.report().document
    assert document is not None
    assert document["sources"]["weight_bytes"] == "stored"
    fit = vlcalc.fit(str(folder), "a100")
    assert fit.layout.inference.weights.total == 4 * params.total
    halved = vlcalc.fit(str(folder), "a100", dtype="float16")
    assert halved.layout.inference.weights.total == 2 * params.total
    asked = vlcalc.inspect(str(folder), dtype="bfloat16")
    assert asked.inference.weights.total == 2 * params.total
    assert asked.stored is None


def test_a_device_of_two_holds_half_of_the_split_part(tmp_path: Path) -> None:
    """What is stored in the dtype that is asked for is split as what is counted in it."""
    case = CASES["qwen2_5_vl"](Random(2))
    saved(case, tmp_path)
    split = vlcalc.fit(str(tmp_path), "a100", tp=2).layout.inference.weights
    assert (
        split == vlcalc.fit(str(tmp_path), "a100", tp=2, dtype="bfloat16").layout.inference.weights
    )
    whole = vlcalc.fit(str(tmp_path), "a100").layout.inference.weights
    assert split.language is not None
    assert whole.language is not None
    assert split.language < whole.language == 2 * case.params()["language"]


def test_a_header_that_lies_ends_inspect_in_one_line(folder: Path, run: Any) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 64)
    ran = run("inspect", str(folder))
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "expected a safetensors header" in ran.err
    assert run("inspect", str(folder), "--dtype", "bfloat16").code == 0


def test_inspect_shows_what_differs(folder: Path, run: Any) -> None:
    extra: Tensors = {"extra.weight": ("BF16", [17]), "a.position_ids": ("I64", [1, 9])}
    rewrite(folder, extra)
    out = run("inspect", str(folder)).out
    assert "language: +17 parameters in the files: extra.weight: unexpected." in out
    assert "Stored, but buffers or copies of tied tensors, 72 B: a.position_ids." in out
    stored = json.loads(run("inspect", str(folder), "-f", "json").out)["stored_weights"]
    (only,) = stored["differences"]
    assert (only["component"], only["stored"] - only["expected"]) == ("language", 17)
