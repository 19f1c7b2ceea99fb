"""Bytes of a file by ranges: of this machine, or wherever a reader of the same form gets them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from vlcalc.core.errors import InputError
from vlcalc.core.files import open_regular

GIT_LFS = b"version https://git-lfs"


class ByteSource(Protocol):
    """A file of which ranges can be read."""

    @property
    def name(self) -> str:
        """What errors call it."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes of a range; fewer where the file ends before."""


class LocalFile:
    """A file of this machine.

    Attributes:
        name: its path.
        size: its length in bytes.
    """

    def __init__(self, path: Path) -> None:
        """Look at a file.

        Raises:
            InputError: it cannot be opened, or is no regular file.
        """
        self._path = path
        self.name = str(path)
        try:
            with open_regular(path) as file:
                self.size = file.seek(0, 2)
        except OSError as error:
            raise _unreadable(self.name, error) from None

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes of a range; fewer where the file ends before.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            with open_regular(self._path) as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            raise _unreadable(self.name, error) from None


def read_exactly(source: ByteSource, offset: int, size: int) -> bytes:
    """Return the bytes of a range.

    Raises:
        InputError: the file ends before.
    """
    content = source.read(offset, size) if offset + size <= source.size else b""
    if len(content) != size:
        raise InputError(
            expected=f"{size:,} bytes from byte {offset:,}",
            got=f"a file of {source.size:,} bytes",
            where=source.name,
            hint="is it cut off?",
        )
    return content


def is_pointer(source: ByteSource) -> bool:
    """Tell whether a file is what Git LFS leaves where a large file was not fetched."""
    return source.size < 1024 and source.read(0, len(GIT_LFS)) == GIT_LFS


def _unreadable(name: str, error: OSError) -> InputError:
    got = (error.strerror or str(error)).lower()
    return InputError(expected="a readable file of weights", got=got, where=name)
