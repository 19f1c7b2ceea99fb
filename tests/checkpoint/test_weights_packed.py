"""Quantised weights as each tool writes them: counted unpacked, every byte of them weighed."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoint.header_bytes import BITS, write_safetensors
from vlcalc.checkpoint.weights.stored_weights import read_folder
from vlcalc.core.errors import InputError

Tensors = dict[str, tuple[str, Sequence[int]]]
ROWS, COLUMNS = 96, 256  # outputs and inputs of one linear layer
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128}
PACKED = {"config_groups": {"group_0": {"weights": {"num_bits": 4}}}}
EIGHT = {"config_groups": {"group_0": {"weights": {"num_bits": 8}}}}
LAYER = "model.layers.0.mlp.up_proj"
# How tools keep one layer: name behind the layer's, dtype, shape. Sources: contents.py.
KEPT: dict[str, tuple[dict[str, Any], Tensors]] = {
    "awq": (
        AWQ,
        {
            ".qweight": ("I32", [COLUMNS, ROWS // 8]),
            ".qzeros": ("I32", [2, ROWS // 8]),
            ".scales": ("F16", [2, ROWS]),
        },
    ),
    "gptq": (
        {},
        {
            ".qweight": ("I32", [COLUMNS // 8, ROWS]),
            ".qzeros": ("I32", [2, ROWS // 8]),
            ".scales": ("F16", [2, ROWS]),
            ".g_idx": ("I32", [COLUMNS]),
        },
    ),
    "gptq of 3 bits": (
        {},
        {
            ".qweight": ("I32", [COLUMNS * 3 // 32, ROWS]),
            ".qzeros": ("I32", [2, ROWS * 3 // 32]),
            ".scales": ("F16", [2, ROWS]),
        },
    ),
    "gptq of 8 bits, symmetric": (
        {"bits": 8},
        {".qweight": ("I32", [COLUMNS // 4, ROWS]), ".scales": ("F16", [2, ROWS])},
    ),
    "bitsandbytes of 4 bits": (
        {"load_in_4bit": True},
        {
            ".weight": ("U8", [ROWS * COLUMNS // 2, 1]),
            ".weight.absmax": ("U8", [ROWS * COLUMNS // 64]),
            ".weight.quant_map": ("F32", [16]),
            ".weight.nested_absmax": ("F32", [2]),
            ".weight.nested_quant_map": ("F32", [256]),
            ".weight.quant_state.bitsandbytes__nf4": ("U8", [100]),
        },
    ),
    "bitsandbytes of 4 bits in words of 16": (
        {"load_in_4bit": True},
        {
            ".weight": ("BF16", [ROWS * COLUMNS // 4, 1]),
            ".weight.absmax": ("F32", [ROWS * COLUMNS // 64]),
            ".weight.quant_state.bitsandbytes__nf4": ("U8", [100]),
        },
    ),
    "bitsandbytes of 8 bits": (
        {},
        {
            ".weight": ("I8", [ROWS, COLUMNS]),
            ".SCB": ("F32", [ROWS]),
            ".weight_format": ("U8", []),
        },
    ),
    "compressed-tensors, packed": (
        PACKED,
        {
            ".weight_packed": ("I32", [ROWS, COLUMNS // 8]),
            ".weight_scale": ("BF16", [ROWS, 2]),
            ".weight_shape": ("I64", [2]),
            ".weight_zero_point": ("I32", [ROWS // 8, 2]),
        },
    ),
    "compressed-tensors of 8 bits, packed": (
        EIGHT,
        {".weight_packed": ("I32", [ROWS, COLUMNS // 4]), ".weight_scale": ("BF16", [ROWS, 1])},
    ),
    "compressed-tensors, NVFP4": (
        PACKED,
        {
            ".weight_packed": ("U8", [ROWS, COLUMNS // 2]),
            ".weight_scale": ("F8_E4M3", [ROWS, COLUMNS // 16]),
            ".weight_global_scale": ("F32", [1]),
            ".input_global_scale": ("F32", [1]),
        },
    ),
    "ModelOpt, NVFP4": (
        {},
        {
            ".weight": ("U8", [ROWS, COLUMNS // 2]),
            ".weight_scale": ("F8_E4M3", [ROWS, COLUMNS // 16]),
            ".weight_scale_2": ("F32", []),
            ".input_scale": ("F32", []),
        },
    ),
    "compressed-tensors, FP8": (
        EIGHT,
        {
            ".weight": ("F8_E4M3", [ROWS, COLUMNS]),
            ".weight_scale": ("BF16", [ROWS, 1]),
            ".input_scale": ("F32", [1]),
        },
    ),
    "FP8 in blocks": (
        {},
        {".weight": ("F8_E4M3", [ROWS, COLUMNS]), ".weight_scale_inv": ("F32", [1, 2])},
    ),
    "FP8 of the other kind": ({}, {".weight": ("F8_E5M2", [ROWS, COLUMNS])}),
    "MXFP4": (
        {"quant_method": "mxfp4"},
        {
            "_blocks": ("U8", [4, ROWS // 4, COLUMNS // 32, 16]),
            "_scales": ("U8", [4, ROWS // 4, COLUMNS // 32]),
        },
    ),
    "four bits of safetensors' own": ({}, {".weight": ("F4", [ROWS, COLUMNS])}),
    "none": ({}, {".weight": ("BF16", [ROWS, COLUMNS])}),
}


@pytest.mark.parametrize("kind", KEPT)
def test_packed_weights_count_as_unpacked(kind: str, tmp_path: Path) -> None:
    """However a layer is kept, it has ROWS x COLUMNS parameters, and every byte of it counts."""
    quantisation, layer = KEPT[kind]
    tensors = {f"{LAYER}{end}": said for end, said in layer.items()}
    norm: Tensors = {"model.norm.weight": ("BF16", [COLUMNS]), "model.norm.bias": ("BF16", [1])}
    write_safetensors(tmp_path / "model.safetensors", {**tensors, **norm})
    stored = read_folder(tmp_path, {"quantization_config": quantisation})
    assert stored is not None
    assert stored.params["language"] == ROWS * COLUMNS + COLUMNS + 1
    assert stored.apart == []
    size = sum(BITS[dtype] * prod(shape) // 8 for dtype, shape in layer.values())
    assert stored.weight_bytes["language"] == stored.stored_bytes == size + 2 * (COLUMNS + 1)


def test_packed_weights_of_unknown_bits_are_refused(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"a.weight_packed": ("I32", [4, 4])})
    with pytest.raises(InputError, match="expected the bits of a packed weight"):
        read_folder(tmp_path, {"quantization_config": {"config_groups": {"a": 3}}})
