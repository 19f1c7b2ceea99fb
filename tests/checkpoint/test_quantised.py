"""How weights are quantised: what transformers' own classes write, and what names say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.quantised import (
    StoredQuantisation,
    quantisation_in_name,
    stored_quantisation,
)
from vlcalc.core.errors import InputError


def read(block: Any, key: str = "quantization_config") -> StoredQuantisation | None:
    return stored_quantisation(Config({key: block}, "config.json: "))


# Class of transformers, its arguments -> what is read from the file that it writes.
CLASSES = [
    ("AwqConfig", {"bits": 4, "group_size": 64}, ("awq", 4, 64)),
    ("GPTQConfig", {"bits": 8, "group_size": -1}, ("gptq", 8, None)),
    ("GPTQConfig", {"bits": 3, "group_size": 128}, ("gptq", 3, 128)),
    ("BitsAndBytesConfig", {"load_in_8bit": True}, ("bitsandbytes", 8, None)),
    ("BitsAndBytesConfig", {"load_in_4bit": True}, ("bitsandbytes", 4, 64)),
    ("FineGrainedFP8Config", {}, ("fp8", 8, None)),
    ("FbgemmFp8Config", {}, ("fbgemm_fp8", 8, None)),
    ("EetqConfig", {}, ("eetq", 8, None)),
    ("HiggsConfig", {"bits": 3, "group_size": 256}, ("higgs", 3, 256)),
    ("AutoRoundConfig", {"bits": 4, "group_size": 32}, ("auto-round", 4, 32)),
    ("Mxfp4Config", {}, ("mxfp4", 4, 32)),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "arguments", "expected"), CLASSES)
def test_what_the_real_classes_write(
    name: str, arguments: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    quantization_config = pytest.importorskip("transformers.utils.quantization_config")
    real = getattr(quantization_config, name)
    if name == "GPTQConfig":
        arguments = {**arguments, "dataset": None}
    said = read(real(**arguments).to_dict())
    assert said is not None
    assert (said.method, said.bits, said.group_size) == expected


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("double", [False, True])
def test_bitsandbytes(kind: str, double: bool) -> None:
    quantization_config = pytest.importorskip("transformers.utils.quantization_config")
    real = quantization_config.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=kind,
        bnb_4bit_use_double_quant=double,
        llm_int8_skip_modules=["visual", "lm_head"],
    )
    assert read(real.to_dict()) == StoredQuantisation(
        "bitsandbytes", 4, 64, ("visual", "lm_head"), kind + ("-double" if double else "")
    )


def group(**weights: Any) -> dict[str, Any]:
    return {"targets": ["Linear"], "weights": weights}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            {
                "quant_method": "compressed-tensors",
                "format": "pack-quantized",
                "config_groups": {
                    "group_0": group(num_bits=4, type="int", group_size=128, strategy="group")
                },
                "ignore": ["lm_head", "re:visual.*"],
            },
            StoredQuantisation(
                "compressed-tensors", 4, 128, ("lm_head", "re:visual.*"), "pack-quantized"
            ),
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "mixed-precision",
                "config_groups": {
                    "group_0": group(num_bits=4, group_size=16),
                    "group_1": group(num_bits=8, group_size=None),
                },
            },
            StoredQuantisation("compressed-tensors", scheme="mixed-precision"),
        ),
        (
            {
                "quant_method": "modelopt",
                "quant_algo": "NVFP4",
                "config_groups": {"group_0": group(num_bits=4, type="float", group_size=16)},
                "ignore": ["lm_head"],
            },
            StoredQuantisation("modelopt", 4, 16, ("lm_head",), "NVFP4"),
        ),
        (
            {"quant_method": "awq", "w_bit": 4, "q_group_size": 64},
            StoredQuantisation("awq", 4, 64),
        ),
        ({"quant_method": "unheard-of"}, StoredQuantisation("unheard-of")),
    ],
)
def test_spellings(block: dict[str, Any], expected: StoredQuantisation) -> None:
    assert read(block) == expected
    assert read(block, "compression_config") == expected
    inner = {"text_config": {"quantization_config": block}}
    assert stored_quantisation(Config(inner, "config.json: ")) == expected


def test_none() -> None:
    assert stored_quantisation(Config({"text_config": {"dtype": "bfloat16"}}, "")) is None


@pytest.mark.parametrize(
    ("block", "where"),
    [
        ("awq", "quantization_config"),
        ({}, "quantization_config.quant_method"),
        ({"quant_method": 4}, "quantization_config.quant_method"),
        ({"quant_method": "awq", "bits": "four"}, "quantization_config.bits"),
        ({"quant_method": "awq", "bits": 10**400}, "quantization_config.bits"),
        ({"quant_method": "x", "config_groups": []}, "quantization_config.config_groups"),
        ({"quant_method": "x", "ignore": {}}, "quantization_config.ignore"),
        ({"load_in_4bit": "yes"}, "quantization_config.load_in_4bit"),
    ],
)
def test_what_cannot_be_is_refused(block: Any, where: str) -> None:
    with pytest.raises(InputError) as refused:
        read(block)
    assert refused.value.where.startswith(f"config.json: {where}")


NAMES = {
    "Qwen/Qwen2.5-VL-7B-Instruct-AWQ": ("Qwen/Qwen2.5-VL-7B-Instruct", "awq", 4),
    "Qwen/Qwen2-VL-7B-Instruct-GPTQ-Int4": ("Qwen/Qwen2-VL-7B-Instruct", "gptq", 4),
    "Qwen/Qwen2-VL-7B-Instruct-GPTQ-Int8": ("Qwen/Qwen2-VL-7B-Instruct", "gptq", 8),
    "Qwen/Qwen3-VL-8B-Instruct-FP8": ("Qwen/Qwen3-VL-8B-Instruct", "fp8", 8),
    "RedHatAI/gemma-3-4b-it-FP8-dynamic": ("RedHatAI/gemma-3-4b-it", "fp8", 8),
    "RedHatAI/gemma-3-27b-it-quantized.w4a16": (
        "RedHatAI/gemma-3-27b-it",
        "compressed-tensors",
        4,
    ),
    "unsloth/gemma-3-4b-it-bnb-4bit": ("unsloth/gemma-3-4b-it", "bitsandbytes", 4),
    "unsloth/gemma-3-4b-it-unsloth-bnb-4bit": ("unsloth/gemma-3-4b-it", "bitsandbytes", 4),
    "unsloth/gemma-3-4b-it-GGUF": ("unsloth/gemma-3-4b-it", "gguf", None),
    "nvidia/Qwen2.5-VL-7B-Instruct-NVFP4": ("nvidia/Qwen2.5-VL-7B-Instruct", "nvfp4", 4),
    "org/name-MXFP4": ("org/name", "mxfp4", 4),
    "org/name-awq-int4": ("org/name", "awq", 4),
}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_name_says(name: str) -> None:
    said = quantisation_in_name(name)
    assert said is not None
    assert (said[0], said[1].method, said[1].bits) == NAMES[name]


@pytest.mark.parametrize("name", ["org/AWQ", "org/name", "org/name-AWQ-v2", "org/drawq", "org/fp8"])
def test_a_name_that_says_nothing(name: str) -> None:
    assert quantisation_in_name(name) is None


def test_a_quantised_sibling_says_what_it_is(tmp_path: Path) -> None:
    model = "nobody-has-this-one/Qwen2.5-VL-7B-Instruct-AWQ"
    ran = subprocess.run(
        [sys.executable, "-m", "vlcalc", "tokens", "-m", model, "-i", "1120x1120", "--explain"],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1,600 image + 2 extra tokens" in ran.stdout
    assert f"`{model}` could not be read (offline): the architecture is that of" in ran.stdout
    assert "The weights are quantised: awq, 4 bits" in ran.stdout
