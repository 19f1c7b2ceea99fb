"""The header of a safetensors file: 8 bytes of length, then JSON.

Source: github.com/huggingface/safetensors, README, section Format; safetensors/src/tensor.rs.
"""

from __future__ import annotations

from typing import NoReturn

from vlcalc.checkpoint.weights.byte_source import ByteSource, read_exactly
from vlcalc.checkpoint.weights.stored_tensor import (
    MAX_DIMENSIONS,
    MAX_SIDE,
    Extent,
    StoredTensor,
    check_extents,
    short,
)
from vlcalc.core.errors import InputError
from vlcalc.core.strict_json import parse_json

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 16_777_216  # tens of thousands of experts' tensors in one file take 5 MB
FIRST_READ_BYTES = 65_536  # one request to a remote file is enough for most headers
METADATA = "__metadata__"
DTYPE_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
    **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}


def read_safetensors(source: ByteSource) -> list[StoredTensor]:
    """Return the tensors that a safetensors file lists.

    Raises:
        InputError: the file is cut off, or its header is not what it should be.
    """
    first = read_exactly(source, 0, min(source.size, FIRST_READ_BYTES))
    length = int.from_bytes(first[:LENGTH_BYTES], "little")
    data_bytes = source.size - LENGTH_BYTES - length
    if len(first) < LENGTH_BYTES or data_bytes < 0 or length > MAX_HEADER_BYTES:
        raise InputError(
            expected=f"a safetensors header of at most {MAX_HEADER_BYTES:,} bytes in the file",
            got=f"one of {length:,} in {source.size:,} bytes",
            where=source.name,
            hint="is it cut off?",
        )
    header = first[LENGTH_BYTES : LENGTH_BYTES + length]
    if len(header) < length:
        header += read_exactly(source, len(first), length - len(header))
    entries = _parsed(header, source.name)
    placed = [_tensor(name, entry, source.name) for name, entry in entries.items()]
    check_extents((extent for _, extent in placed), data_bytes, where=source.name, gaps=False)
    return [tensor for tensor, _ in placed]


def _parsed(header: bytes, where: str) -> dict[str, object]:
    """Return what the header says of each tensor."""
    try:
        data = parse_json(header.decode())
    except UnicodeDecodeError:
        _refuse("a header in UTF-8", "other bytes", where)
    except ValueError as error:
        _refuse("a header of JSON", str(error), where)
    if not isinstance(data, dict):
        _refuse("a header that is a JSON object", f"a {type(data).__name__}", where)
    data.pop(METADATA, None)
    return data


def _tensor(name: str, entry: object, file: str) -> tuple[StoredTensor, Extent]:
    """Return a tensor of an entry, and where its data lies."""
    where = f"{file}: `{short(name)}`"
    if not isinstance(entry, dict):
        _refuse("an object of `dtype`, `shape` and `data_offsets`", _shown(entry), where)
    dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        _refuse("a dtype of safetensors", _shown(dtype), f"{where}.dtype")
    sides, ends = _counts(shape), _counts(offsets)
    if sides is None or len(sides) > MAX_DIMENSIONS:
        _refuse(f"at most {MAX_DIMENSIONS} sides", _shown(shape), f"{where}.shape")
    if ends is None or len(ends) != 2 or ends[0] > ends[1]:
        _refuse("a start and an end", _shown(offsets), f"{where}.data_offsets")
    start, end = ends
    tensor = StoredTensor(name, dtype, sides, end - start)
    num_bits = tensor.num_elements * DTYPE_BITS[dtype]
    if num_bits != 8 * tensor.num_bytes:
        whole = f"{num_bits // 8:,} bytes" if num_bits % 8 == 0 else "whole bytes"
        shown = "x".join(map(str, sides)) or "one value"
        _refuse(f"{whole} of {dtype} {shown}", f"{tensor.num_bytes:,}", f"{where}.data_offsets")
    return tensor, Extent(start, end, name)


def _counts(value: object) -> tuple[int, ...] | None:
    """Return a list of counts; None where it is something else."""
    if not isinstance(value, list):
        return None
    counts = tuple(count for count in value if type(count) is int and 0 <= count <= MAX_SIDE)
    return counts if len(counts) == len(value) else None


def _shown(value: object) -> str:
    text = repr(value)[:41] if not isinstance(value, (dict, list)) or len(value) < 5 else "another"
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"


def _refuse(expected: str, got: str, where: str) -> NoReturn:
    raise InputError(expected=expected, got=got, where=where)
