"""Files of the user: only regular ones are opened, and none is read without a bound.

A pipe waits for a writer that may never come, and a device may never end. What is wrong with a path
is an `OSError` whose `strerror` says it in words, so that each caller says what it expected.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

# Opening a pipe does not wait for its writer; on a regular file this changes nothing.
NONBLOCK = 0 if sys.platform == "win32" else os.O_NONBLOCK
KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class OversizeError(OSError):
    """A file of more bytes than any of its kind has."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file to read its bytes.

    Raises:
        OSError: it cannot be opened, or is a folder, a pipe, a device or a socket.
    """
    try:
        _check_regular(path.stat().st_mode)  # before it is opened: a device may act on that
        file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115
    except ValueError:
        raise OSError(errno.EINVAL, "a name that no file can have") from None
    try:
        _check_regular(os.fstat(file.fileno()).st_mode)  # another may stand there by now
    except OSError:
        file.close()
        raise
    return file


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Return what a regular file holds.

    Raises:
        OSError: it cannot be read.
        OversizeError: it holds more than `max_bytes`.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size  # 0 for what the system makes up as one reads
        content = b"" if size > max_bytes else file.read(max_bytes + 1)
    if max(size, len(content)) > max_bytes:
        raise OversizeError(errno.EFBIG, f"{max(size, len(content)):,} bytes")
    return content


def exists(path: Path | str) -> bool:
    """Tell whether something stands at a path; False for a name that is too long or not legal.

    `Path.exists` raises for such a name, or where a folder on the way may not be read.
    """
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: Path | str) -> bool:
    """Tell whether a regular file stands at a path; False as `exists` says it."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path | str) -> bool:
    """Tell whether a folder stands at a path; False as `exists` says it."""
    return os.path.isdir(path)  # noqa: PTH112


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | NONBLOCK)


def _check_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    for is_kind, words in KINDS:
        if is_kind(mode):
            raise OSError(errno.EINVAL, words)
