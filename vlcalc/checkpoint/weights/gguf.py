"""The header of a GGUF file: keys and values, then a list of tensors, all in binary.

Source: github.com/ggml-org/ggml, docs/gguf.md; block sizes: gguf-py/gguf/constants.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import prod
from typing import NamedTuple, NoReturn

from vlcalc.checkpoint.weights.byte_source import ByteSource, read_exactly
from vlcalc.checkpoint.weights.stored_tensor import (
    MAX_SIDE,
    Extent,
    StoredTensor,
    check_extents,
    short,
)
from vlcalc.core.errors import InputError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
CHUNK_BYTES = 1_048_576
MAX_HEADER_BYTES = 67_108_864  # vocabularies of 262,144 words with their merges take 15 MB
MAX_STRINGS = 1_200_000  # of all lists; they must be walked one by one
MAX_NAME_BYTES = 1024
MAX_DIMENSIONS = 4
MIN_TENSOR_BYTES = 24  # an empty name, a number of dimensions, a type, an offset
MIN_KEY_BYTES = 13  # an empty name, a type, one byte
MAX_ITEMS = 100_000  # tensors, or keys; the largest models have some thousands
DEFAULT_ALIGNMENT = 32
ALIGNMENT = "general.alignment"
# Types of values, by number -> bytes of one.
VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
UINT32, STRING, ARRAY = 4, 8, 9


class GgmlType(NamedTuple):
    """How a dtype keeps its elements: so many of a row in so many bytes."""

    dtype: str
    num_elements: int
    num_bytes: int


GGML_TYPES = {
    0: GgmlType("F32", 1, 4),
    1: GgmlType("F16", 1, 2),
    2: GgmlType("Q4_0", 32, 18),
    3: GgmlType("Q4_1", 32, 20),
    6: GgmlType("Q5_0", 32, 22),
    7: GgmlType("Q5_1", 32, 24),
    8: GgmlType("Q8_0", 32, 34),
    9: GgmlType("Q8_1", 32, 40),
    10: GgmlType("Q2_K", 256, 84),
    11: GgmlType("Q3_K", 256, 110),
    12: GgmlType("Q4_K", 256, 144),
    13: GgmlType("Q5_K", 256, 176),
    14: GgmlType("Q6_K", 256, 210),
    15: GgmlType("Q8_K", 256, 292),
    16: GgmlType("IQ2_XXS", 256, 66),
    17: GgmlType("IQ2_XS", 256, 74),
    18: GgmlType("IQ3_XXS", 256, 98),
    19: GgmlType("IQ1_S", 256, 50),
    20: GgmlType("IQ4_NL", 32, 18),
    21: GgmlType("IQ3_S", 256, 110),
    22: GgmlType("IQ2_S", 256, 82),
    23: GgmlType("IQ4_XS", 256, 136),
    24: GgmlType("I8", 1, 1),
    25: GgmlType("I16", 1, 2),
    26: GgmlType("I32", 1, 4),
    27: GgmlType("I64", 1, 8),
    28: GgmlType("F64", 1, 8),
    29: GgmlType("IQ1_M", 256, 56),
    30: GgmlType("BF16", 1, 2),
    34: GgmlType("TQ1_0", 256, 54),
    35: GgmlType("TQ2_0", 256, 66),
    39: GgmlType("MXFP4", 32, 17),
    40: GgmlType("NVFP4", 64, 36),
}


def read_gguf(source: ByteSource) -> list[StoredTensor]:
    """Return the tensors that a GGUF file lists, their sides with the rows first.

    Raises:
        InputError: the file is cut off, or its header is not what it should be.
    """
    header = _Header(source)
    magic = header.take(len(MAGIC))
    if magic != MAGIC:
        header.refuse("a file that begins with `GGUF`", f"`{magic!r}`")
    version = header.integer(4)
    if version not in VERSIONS:
        header.refuse("GGUF of version 2 or 3, little-endian", f"version {version}")
    num_tensors = header.number_of("tensors", least_bytes=MIN_TENSOR_BYTES, most=MAX_ITEMS)
    num_values = header.number_of("keys", least_bytes=MIN_KEY_BYTES, most=MAX_ITEMS)
    alignment = DEFAULT_ALIGNMENT
    for _ in range(num_values):
        alignment = _alignment(header) or alignment
    placed = list(_tensors(header, num_tensors, alignment))
    names = {tensor.name for tensor, _ in placed}
    if len(names) < len(placed):
        header.refuse("tensors of different names", "a name twice")
    start = -(-header.offset // alignment) * alignment
    extents = (extent for _, extent in placed)
    check_extents(extents, max(source.size - start, 0), where=source.name, gaps=True)
    return [tensor for tensor, _ in placed]


class _Header:
    """What is read of a file from its start, a chunk at a time.

    Attributes:
        offset: bytes that were taken or passed over.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._chunk = b""
        self._chunk_start = 0
        self._strings_left = MAX_STRINGS
        self.offset = 0

    def refuse(self, expected: str, got: str) -> NoReturn:
        raise InputError(expected=expected, got=got, where=self._source.name)

    def skip(self, size: int) -> None:
        """Pass over bytes, which need not be read."""
        if self.offset + size > min(self._source.size, MAX_HEADER_BYTES):
            self.refuse(
                f"a header of at most {MAX_HEADER_BYTES:,} bytes in a file of "
                f"{self._source.size:,}",
                f"one that goes on for {size:,} at byte {self.offset:,}",
            )
        self.offset += size

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        start = self.offset
        self.skip(size)
        if not self._chunk_start <= start <= self.offset <= self._chunk_start + len(self._chunk):
            length = max(size, min(CHUNK_BYTES, self._source.size - start))
            self._chunk = read_exactly(self._source, start, length)
            self._chunk_start = start
        first = start - self._chunk_start
        return self._chunk[first : first + size]

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def number_of(self, what: str, *, least_bytes: int, most: int = MAX_HEADER_BYTES) -> int:
        """Return a number of items, each of at least so many bytes, that the file has room for."""
        number = self.integer(8)
        room = (min(self._source.size, MAX_HEADER_BYTES) - self.offset) // least_bytes
        room = min(room, most)
        if number > room:
            self.refuse(f"at most {room:,} {what}, which the file has room for", f"{number:,}")
        return number

    def text(self) -> str:
        """Return a name."""
        length = self.integer(8)
        if length > MAX_NAME_BYTES:
            self.refuse(f"a name of at most {MAX_NAME_BYTES:,} bytes", f"{length:,}")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            self.refuse("names in UTF-8", "other bytes")

    def skip_strings(self, number: int) -> None:
        """Pass over texts, each behind its length."""
        if number > self._strings_left:
            self.refuse(f"at most {MAX_STRINGS:,} texts in lists", "more")
        self._strings_left -= number
        length_at = struct.Struct("<Q").unpack_from
        while number:
            self.skip(length_at(self.take(8))[0])
            number -= 1
            # The rest of the chunk without a call for each: vocabularies have a million texts.
            chunk, at = self._chunk, self.offset - self._chunk_start
            while number and at + 8 <= len(chunk):
                end = at + 8 + length_at(chunk, at)[0]
                if end > len(chunk):
                    break
                at, number = end, number - 1
            self.offset = max(self.offset, self._chunk_start + at)


def _alignment(header: _Header) -> int | None:
    """Pass over a key and its value; return it where it is the alignment of the data."""
    key, kind = header.text(), header.integer(4)
    if key == ALIGNMENT and kind == UINT32:
        alignment = header.integer(4)
        if not 1 <= alignment <= CHUNK_BYTES:
            header.refuse(f"an alignment of 1 to {CHUNK_BYTES:,}", f"{alignment:,}")
        return alignment
    if kind == ARRAY:
        kind = header.integer(4)
        least = VALUE_BYTES.get(kind, 8)
        _skip_values(header, kind, header.number_of("values of a list", least_bytes=least))
    else:
        _skip_values(header, kind, 1)
    return None


def _skip_values(header: _Header, kind: int, number: int) -> None:
    if kind == STRING:
        header.skip_strings(number)
    elif kind in VALUE_BYTES:
        header.skip(number * VALUE_BYTES[kind])
    else:
        header.refuse("a type of value of GGUF", f"type {kind}")


def _tensors(header: _Header, number: int, alignment: int) -> Iterator[tuple[StoredTensor, Extent]]:
    """Yield the tensors of the list, and where their data lies."""
    for _ in range(number):
        name, num_dimensions = header.text(), header.integer(4)
        if num_dimensions > MAX_DIMENSIONS:
            header.refuse(f"at most {MAX_DIMENSIONS} sides", f"{num_dimensions} of `{short(name)}`")
        sides = [header.integer(8) for _ in range(num_dimensions)]
        kind, start = GGML_TYPES.get(header.integer(4)), header.integer(8)
        if kind is None:
            header.refuse("a dtype of GGUF that is known", f"another of `{short(name)}`")
        if max(sides, default=0) > MAX_SIDE or (sides or [1])[0] % kind.num_elements:
            expected = f"rows of whole blocks of {kind.num_elements} for {kind.dtype}"
            header.refuse(expected, f"{(sides or [1])[0]:,} of `{short(name)}`")
        if start % alignment:
            header.refuse(f"offsets aligned to {alignment}", f"{start:,} of `{short(name)}`")
        num_bytes = prod(sides) // kind.num_elements * kind.num_bytes
        shape = tuple(reversed(sides))
        tensor = StoredTensor(name, kind.dtype, shape, num_bytes)
        yield tensor, Extent(start, start + num_bytes, name)
