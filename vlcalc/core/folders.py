"""What lies in folders and matches patterns: searched whole, and what cannot be is reported.

Folders are entered where they are on the file system that the search began on, and not through
links: a search ends, wherever it begins.
"""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from vlcalc.core.errors import InputError
from vlcalc.core.files import exists, is_folder

OnError = Callable[[InputError], object]


def files_below(folder: str, on_error: OnError) -> Iterator[Path]:
    """Yield the files in a folder, then those in each folder below, in order of name.

    Args:
        folder: where to begin.
        on_error: what is called for each folder that is left out.
    """
    for _, entries in _folders_below(folder, on_error):
        yield from (Path(entry.path) for entry in entries if not is_folder(entry.path))


def files_matching(pattern: str, on_error: OnError) -> list[Path]:
    """Return the files that a glob stands for, in order of name; arguments as `files_below`."""
    path = Path(pattern)
    matches = set(_matches(path.anchor, path.parts[bool(path.anchor) :], on_error))
    return [Path(match) for match in sorted(matches) if not is_folder(match)]


def _matches(folder: str, parts: Sequence[str], on_error: OnError) -> Iterator[str]:
    """Yield what matches the parts of a pattern below a folder; "" is the current one.

    Unlike `glob.glob` it reports a folder that cannot be read, and `**` does not follow links.
    """
    if not parts:
        yield folder
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        for below, _ in _folders_below(folder, on_error, hidden=False):
            yield from _matches(below, rest or ("*",), on_error)
    elif glob.has_magic(part):
        for entry in _entries(folder, on_error):
            shown = part.startswith(".") or not entry.name.startswith(".")
            if shown and fnmatch.fnmatch(entry.name, part) and (not rest or is_folder(entry.path)):
                yield from _matches(entry.path, rest, on_error)
    elif exists(path := os.path.join(folder, part)):  # noqa: PTH118
        yield from _matches(path, rest, on_error)


def _folders_below(
    top: str, on_error: OnError, *, hidden: bool = True
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Yield a folder and each below it, with its entries; parents first, in order of name."""
    device = os.stat(top or ".").st_dev  # noqa: PTH116
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        entries = _entries(folder, on_error)
        yield folder, entries
        below = [e for e in entries if e.is_dir(follow_symlinks=False)]
        shown = [e for e in below if hidden or not e.name.startswith(".")]
        waiting += [e.path for e in reversed(shown) if _on_device(e, device, on_error)]


def _entries(folder: str, on_error: OnError) -> list[os.DirEntry[str]]:
    """Return what a folder holds, in order of name; nothing where it cannot be read."""
    try:
        with os.scandir(folder or ".") as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        on_error(_left_out(folder, (error.strerror or str(error)).lower()))
        return []


def _on_device(entry: os.DirEntry[str], device: int, on_error: OnError) -> bool:
    """Tell whether a folder is on a file system, not one that is mounted there."""
    try:
        if entry.stat(follow_symlinks=False).st_dev == device:
            return True
        got, hint = "another file system", "give it as a folder of its own"
    except OSError as error:
        got, hint = (error.strerror or str(error)).lower(), ""
    on_error(_left_out(entry.path, got, hint))
    return False


def _left_out(folder: str, got: str, hint: str = "") -> InputError:
    return InputError(expected="a folder that can be searched", got=got, where=folder, hint=hint)
