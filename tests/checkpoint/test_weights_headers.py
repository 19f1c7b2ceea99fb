"""Headers that lie, are cut off or mutated: one clear line, at once and in little memory."""

from __future__ import annotations

import json
import os
import struct
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import pytest
from safetensors import SafetensorError, safe_open

from tests.checkpoint.header_bytes import entries, gguf_bytes, gguf_string, write_safetensors
from vlcalc.checkpoint.weights.byte_source import ByteSource, LocalFile
from vlcalc.checkpoint.weights.gguf import read_gguf
from vlcalc.checkpoint.weights.safetensors import DTYPE_BITS, read_safetensors
from vlcalc.checkpoint.weights.stored_tensor import StoredTensor
from vlcalc.core.errors import InputError

SEED = int(os.environ.get("WEIGHTS_SEED", SystemRandom().randrange(10**9)))
NUM_MUTATIONS = 2000
MAX_SECONDS = 1.0
Reader = Callable[[ByteSource], Sequence[StoredTensor]]
TWO = {"a": ("F32", [2, 3]), "b": ("BF16", [4])}
HUGE = [2**60, 2**63, 2**64 - 1]


def refused(path: Path, content: bytes, *, size: int | None = None) -> str:
    """Return the line that a file is refused with, by the reader that its name asks for."""
    with path.open("wb") as file:
        file.write(content)
        file.truncate(size or len(content))
    read = read_gguf if path.suffix == ".gguf" else read_safetensors
    started = time.process_time()
    line = refusal(read, path)
    assert time.process_time() - started < MAX_SECONDS
    tracemalloc.start()
    assert refusal(read, path) == line
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()
    assert line
    return line


def refusal(read: Reader, path: Path) -> str:
    """Return the line that a file is refused with; "" where it is not."""
    try:
        read(LocalFile(path))
    except InputError as error:
        line = str(error)
    else:
        return ""
    assert "\n" not in line
    assert len(line) < 500
    return line


def laid_out(header: object, *, data: int = 32, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(data)


def entry(**over: object) -> dict[str, Any]:
    return {"a": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32], **over}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a safetensors header"),
        (b"\x01\x00", "expected a safetensors header"),
        (laid_out({}, length=10**6), "got one of 1,000,000 in 42 bytes"),
        *((laid_out({}, length=length), f"got one of {length:,}") for length in HUGE),
        (laid_out(b"\xff\xfe{}"), "expected a header in UTF-8"),
        (laid_out(b"{" * 100_000), "expected a header of JSON"),
        (laid_out(b'{"a":' * 100_000), "nested too deep"),
        (laid_out(b"[1]"), "expected a header that is a JSON object"),
        (laid_out(b'{"a": 1, "a": 2}'), "the key `a` twice"),
        (laid_out({"a": 3}), "expected an object of `dtype`"),
        (laid_out(entry(dtype="F5")), "expected a dtype of safetensors, got `'F5'`"),
        (laid_out(entry(dtype=["F32"])), "expected a dtype of safetensors"),
        (laid_out(entry(shape=[2, -4])), "sides"),
        (laid_out(entry(shape=[2**60] * 9)), "sides"),
        (laid_out(entry(shape=[2**50] * 9)), "got 32"),
        (laid_out(entry(shape=[1] * 5000)), "expected at most 16 sides"),
        (laid_out(entry(shape=[True, 8])), "sides"),
        (laid_out(entry(data_offsets=[32, 0])), "expected a start and an end"),
        (laid_out(entry(data_offsets=[0])), "expected a start and an end"),
        (laid_out(entry(data_offsets=[0, 31])), "expected 32 bytes of F32 2x4, got 31"),
        (laid_out(entry(dtype="F4", shape=[3, 3])), "expected whole bytes of F4 3x3"),
        (laid_out(entry(), data=16), "expected tensors within the 16 bytes"),
        (laid_out(entry(data_offsets=[8, 40]), data=40), "expected a tensor that begins at 0"),
        (laid_out(entry(), data=40), "expected tensors up to byte 40, got none from 32"),
        (
            laid_out({**entry(), "b": {**entry()["a"], "data_offsets": [16, 48]}}, data=48),
            "expected tensors that do not overlap, got `b`",
        ),
    ],
)
def test_safetensors_that_lie(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in refused(tmp_path / "model.safetensors", content)


def test_a_header_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    """The file is large enough for it: a hole of 100 GB."""
    content = laid_out(b"{", length=10**9)
    line = refused(tmp_path / "model.safetensors", content, size=10**11)
    assert "expected a safetensors header of at most 16,777,216 bytes" in line


def test_a_name_twice_among_a_hundred_thousand_is_found_at_once(tmp_path: Path) -> None:
    names = b", ".join(b'"%d": 1' % number for number in range(100_000))
    header = b"{%s, %s}" % (names, b'"99999": 1')
    assert "twice" in refused(tmp_path / "model.safetensors", laid_out(header))


def test_every_dtype_has_the_bits_of_the_library(tmp_path: Path) -> None:
    """The library opens a file of each with as much data as we say, and with no byte less."""
    for dtype, bits in DTYPE_BITS.items():
        for data in (bits, bits - 1):
            header = {"a": {"dtype": dtype, "shape": [8], "data_offsets": [0, data]}}
            path = tmp_path / "model.safetensors"
            path.write_bytes(laid_out(header, data=data))
            assert opens(path) == (data == bits), dtype
            assert bool(refusal(read_safetensors, path)) == (data != bits), dtype


def opens(path: Path) -> bool:
    try:
        with safe_open(path, framework="numpy"):
            return True
    except (SafetensorError, OSError):
        return False


def mutated(random: Random, content: bytes) -> bytes:
    """Return a copy with bytes changed, taken out or doubled, or cut off."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(changed))
        kind = random.randrange(5)
        if kind == 0:
            changed[at] = random.randrange(256)
        elif kind == 1:
            changed[at] = random.choice(b'0123456789{}[]",:\xff')
        elif kind == 2:
            del changed[at : at + random.randrange(1, 9)]
        elif kind == 3:
            changed[at:at] = changed[max(0, at - 8) : at]
        else:
            del changed[max(at, 1) :]
        changed = changed or bytearray(1)
    return bytes(changed)


def test_mutated_safetensors_are_read_only_where_the_library_opens_them(tmp_path: Path) -> None:
    random, path = Random(SEED), tmp_path / "model.safetensors"
    content = write_safetensors(path, TWO).read_bytes()
    slowest, num_read = 0.0, 0
    for number in range(NUM_MUTATIONS):
        path.write_bytes(mutated(random, content))
        started = time.process_time()
        is_read = not refusal(read_safetensors, path)
        slowest = max(slowest, time.process_time() - started)
        num_read += is_read
        assert not is_read or opens(path), f"WEIGHTS_SEED={SEED}, number {number}"
    assert slowest < MAX_SECONDS
    assert 0 < num_read < NUM_MUTATIONS


def test_a_file_of_a_hundred_gigabytes_is_read_at_once(tmp_path: Path) -> None:
    shape = [100_000, 1_000_000]
    path = write_safetensors(tmp_path / "model.safetensors", {"a": ("U8", shape)})
    assert path.stat().st_size > 10**11
    started = time.process_time()
    (tensor,) = read_safetensors(LocalFile(path))
    assert time.process_time() - started < 0.05
    assert tensor.num_bytes == 10**11


class CountedSource:
    """A file in memory that counts what is read of it."""

    name = "remote"

    def __init__(self, content: bytes, size: int) -> None:
        self.size = size
        self.num_bytes = 0
        self._content = content

    def read(self, offset: int, size: int) -> bytes:
        self.num_bytes += size
        return self._content[offset : offset + size]


def test_no_more_than_the_header_is_asked_of_a_remote_file() -> None:
    header = json.dumps(entries({f"t{n}": ("F32", [1]) for n in range(5000)})).encode()
    content = struct.pack("<Q", len(header)) + header
    source = CountedSource(content, len(content) + 4 * 5000)
    assert len(read_safetensors(source)) == 5000
    assert source.num_bytes <= len(content)


F32, Q4_K = 0, 12


def value(key: str, kind: int, content: bytes) -> bytes:
    return gguf_string(key) + struct.pack("<I", kind) + content


@pytest.mark.parametrize("version", [2, 3])
def test_gguf(tmp_path: Path, version: int) -> None:
    """Values of every type are passed over; sides come columns first, 144 bytes a block of 256."""
    texts = struct.pack("<IQ", 8, 3) + gguf_string("a") + gguf_string("") + gguf_string("c" * 300)
    numbers = struct.pack("<IQ", 6, 2) + bytes(8)
    values = [
        value("general.architecture", 8, gguf_string("llama")),
        value("general.alignment", 4, struct.pack("<I", 64)),
        value("tokens", 9, texts),
        value("scores", 9, numbers),
        value("flag", 7, b"\x01"),
        value("large", 12, bytes(8)),
    ]
    tensors = [("blk.0.ffn_up.weight", [512, 3], Q4_K, 0), ("norm", [4], F32, 896)]
    content = gguf_bytes(tensors, version=version, values=values)
    padded = content + bytes(-len(content) % 64) + bytes(896 + 16)
    path = tmp_path / "model.gguf"
    path.write_bytes(padded)
    up, norm = read_gguf(LocalFile(path))
    assert (up.dtype, up.shape, up.num_bytes) == ("Q4_K", (3, 512), 3 * 2 * 144)
    assert (norm.dtype, norm.shape, norm.num_bytes) == ("F32", (4,), 16)
    path.write_bytes(padded[:-1])
    with pytest.raises(InputError, match="cut off"):
        read_gguf(LocalFile(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header"),
        (b"GGML" + bytes(20), "expected a file that begins with `GGUF`"),
        (gguf_bytes([], version=1), "version 1"),
        (gguf_bytes([], version=0x03000000), "little-endian"),
        *((gguf_bytes([], num_tensors=number), "tensors, which the file has") for number in HUGE),
        *((gguf_bytes([], num_values=number), "keys, which the file has") for number in HUGE),
        (gguf_bytes([], num_values=2**60, values=[bytes(64)]), "keys, which the file has"),
        (gguf_bytes([], values=[struct.pack("<Q", 2**60)]), "keys, which the file has room"),
        (gguf_bytes([], values=[struct.pack("<Q", 2**60) + bytes(32)]), "expected a name of"),
        (gguf_bytes([], values=[value("k", 8, struct.pack("<Q", 2**60))]), "goes on for"),
        (gguf_bytes([], values=[value("k", 13, bytes(8))]), "expected a type of value"),
        (
            gguf_bytes([], values=[value("k", 9, struct.pack("<IQ", 8, 2**60))]),
            "values of a list",
        ),
        (
            gguf_bytes([], values=[value("k", 9, struct.pack("<IQ", 9, 1) + bytes(16))]),
            "expected a type of value",
        ),
        (gguf_bytes([], values=[gguf_string(b"\xff") + bytes(16)]), "expected names in UTF-8"),
        (
            gguf_bytes([], values=[value("general.alignment", 4, bytes(4))]),
            "expected an alignment",
        ),
        (gguf_bytes([("a", [1] * 5, F32, 0)]), "expected at most 4 sides, got 5 of `a`"),
        (gguf_bytes([("a", [4], 99, 0)]), "expected a dtype of GGUF"),
        (gguf_bytes([("a", [100], Q4_K, 0)]), "expected rows of whole blocks of 256"),
        (gguf_bytes([("a", [2**60], F32, 0)]), "expected rows of"),
        (gguf_bytes([("a", [4], F32, 5)]), "expected offsets aligned to 32"),
        (gguf_bytes([("a", [4], F32, 2**60)]), "expected tensors within"),
        (gguf_bytes([("a", [4], F32, 0)] * 2) + bytes(64), "a name twice"),
        (
            gguf_bytes([("a", [16], F32, 0), ("b", [16], F32, 32)]) + bytes(200),
            "expected tensors that do not overlap, got `b`",
        ),
    ],
)
def test_gguf_that_lies(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in refused(tmp_path / "model.gguf", content)


@pytest.mark.parametrize("list_type", [8, 0])
def test_huge_gguf_of_nothing_is_left_at_once(tmp_path: Path, list_type: int) -> None:
    """A hole of 100 GB behind as many texts as are walked, then two tensors of no name."""
    start = value("k", 9, struct.pack("<IQ", list_type, 1_200_000))
    content = gguf_bytes([], values=[start], num_tensors=2)
    refused(tmp_path / "model.gguf", content, size=10**11)


def test_mutated_gguf_gives_tensors_or_one_line(tmp_path: Path) -> None:
    random, path = Random(SEED), tmp_path / "model.gguf"
    values = [value("k", 9, struct.pack("<IQ", 8, 2) + gguf_string("ab") * 2)]
    content = gguf_bytes([("a", [8, 2], F32, 0), ("b", [256], Q4_K, 64)], values=values)
    content += bytes(-len(content) % 32) + bytes(64 + 144)
    slowest = 0.0
    for _ in range(NUM_MUTATIONS):
        path.write_bytes(mutated(random, content))
        started = time.process_time()
        refusal(read_gguf, path)
        slowest = max(slowest, time.process_time() - started)
    assert slowest < MAX_SECONDS
