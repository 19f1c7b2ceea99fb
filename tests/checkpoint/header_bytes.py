"""Files of weights as their formats' documents lay them out: headers, and as much data as said."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BITS = {"F32": 32, "F16": 16, "BF16": 16, "I32": 32, "I8": 8, "U8": 8, "F4": 4, "I64": 64,
        "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8}  # fmt: skip
Entry = dict[str, Any]


def entries(tensors: Mapping[str, tuple[str, Sequence[int]]]) -> dict[str, Entry]:
    """Return the entries of a safetensors header, the tensors end to end."""
    place, header = 0, {}
    for name, (dtype, shape) in tensors.items():
        size = BITS[dtype]
        for side in shape:
            size *= side
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [place, place + size // 8],
        }
        place += size // 8
    return header


def write_safetensors(path: Path, tensors: Mapping[str, tuple[str, Sequence[int]]]) -> Path:
    """Write a file of tensors whose data is a hole."""
    header = entries(tensors)
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return path


def gguf_string(text: str | bytes) -> bytes:
    content = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(content)) + content


def gguf_bytes(
    tensors: Sequence[tuple[str, Sequence[int], int, int]],
    *,
    version: int = 3,
    values: Sequence[bytes] = (),
    num_tensors: int | None = None,
    num_values: int | None = None,
) -> bytes:
    """Return a header: tensors of name, sides (columns first), number of the type, offset."""
    count = len(tensors) if num_tensors is None else num_tensors
    keys = len(values) if num_values is None else num_values
    content = b"GGUF" + struct.pack("<IQQ", version, count, keys) + b"".join(values)
    for name, sides, kind, offset in tensors:
        content += gguf_string(name) + struct.pack("<I", len(sides))
        content += struct.pack(f"<{len(sides)}Q", *sides) + struct.pack("<IQ", kind, offset)
    return content
