"""One tensor of a file of weights, as the header describes it, and where tensors may lie."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import NamedTuple

from vlcalc.core.errors import InputError

MAX_DIMENSIONS = 16
MAX_SIDE = 2**53


class StoredTensor(NamedTuple):
    """A tensor in a file.

    Attributes:
        name: as the file spells it.
        dtype: likewise: `BF16`, `F8_E4M3`, `Q4_K`.
        shape: rows first.
        num_bytes: what it takes in the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    num_bytes: int

    @property
    def num_elements(self) -> int:
        """Elements of its dtype; several packed weights may share one."""
        return prod(self.shape)


class Extent(NamedTuple):
    """The bytes of a tensor's data, counted from where all data begins."""

    start: int
    end: int
    tensor: str


def check_extents(extents: Iterable[Extent], data_bytes: int, *, where: str, gaps: bool) -> None:
    """Refuse tensors that leave the file or lie on each other.

    Args:
        extents: where the tensors lie.
        data_bytes: what the file has behind its header.
        where: the file.
        gaps: whether there may be bytes between tensors and behind the last.

    Raises:
        InputError: one leaves the file, overlaps, or, without `gaps`, leaves bytes unused.
    """
    place = 0
    for extent in sorted(extents):
        shown = f"`{short(extent.tensor)}` at {extent.start:,} to {extent.end:,}"
        if extent.end > data_bytes:
            expected = f"tensors within the {data_bytes:,} bytes behind the header"
            raise InputError(expected=expected, got=shown, where=where, hint="is it cut off?")
        if extent.start < place:
            raise InputError(expected="tensors that do not overlap", got=shown, where=where)
        if extent.start > place and not gaps:
            expected = f"a tensor that begins at {place:,}"
            raise InputError(expected=expected, got=shown, where=where)
        place = extent.end
    if place < data_bytes and not gaps:
        raise InputError(
            expected=f"tensors up to byte {data_bytes:,}", got=f"none from {place:,}", where=where
        )


def short(name: str) -> str:
    """Return a tensor's name as errors show it."""
    return name if len(name) <= 80 else name[:77] + "..."
