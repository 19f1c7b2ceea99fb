"""Where specs lie and which names they answer to.

A look-up parses only the files that can hold the name: the one that is called so, else those whose
text has it. That keeps start-up fast without an index that could go stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from vlcalc.core.errors import InputError, near_miss
from vlcalc.spec.document import Document, read_document

FOLDERS = {
    "model": "models",
    "api": "apis",
    "vision": "vision",
    "language": "language",
    "fusion": "fusion",
    "device": "devices",
}
# A hosted model's name with the day of a snapshot, `gpt-4o-2024-08-06`: billed as the model is.
DATED = re.compile(r"(.+)-(?:\d{4}-\d{2}-\d{2}|\d{8})", re.ASCII)


MAX_SHOWN = 80  # letters of an unknown name that a message repeats
MAX_MEMBERS = 6  # members of a family that a message lists


class Entry(NamedTuple):
    """One spec of the catalogue: its file, and the variant in it (None for the main one)."""

    path: Path
    variant: int | None
    name: str
    names: tuple[str, ...]


@lru_cache(maxsize=1)
def specs_folder() -> Path:
    """Return the folder of the shipped specs: inside the package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "specs"
    return installed if installed.is_dir() else package.parent / "specs"


def is_file_name(name: str) -> bool:
    """Tell whether a name given by the user means a file of theirs."""
    return name.endswith((".yaml", ".yml"))


def find(name: str, kinds: tuple[str, ...], *, where: str = "") -> Entry:
    """Return the entry that answers to `name` among the specs of some kinds.

    Hosted models also answer to the names of their dated snapshots.

    Raises:
        InputError: none does; the nearest name is suggested.
    """
    wanted = name.strip().casefold()
    entry = _entry_called(wanted, kinds)
    if entry is None and "api" in kinds and (dated := DATED.fullmatch(wanted)):
        entry = _entry_called(dated[1], ("api",))
    if entry is not None:
        return entry
    known = [entry for kind in kinds for entry in entries(kind)]
    alike = {entry for entry in known if _respelled(wanted) in map(_respelled, entry.names)}
    if len(alike) == 1:
        return alike.pop()
    raise InputError(
        expected=f"the name of a {' or '.join(kinds)}, or a YAML file",
        got=f"`{name if len(name) <= MAX_SHOWN else name[:MAX_SHOWN] + '...'}`",
        where=where,
        hint=_hint(wanted, known),
    )


def _entry_called(wanted: str, kinds: tuple[str, ...]) -> Entry | None:
    return next(
        (
            entry
            for kind in kinds
            for path in _candidates(wanted, kind)
            for entry in entries_of(path)
            if wanted in entry.names
        ),
        None,
    )


def _respelled(name: str) -> str:
    """Return a name in one of the ways that people write it: `gemma-3` and `gemma3` are one."""
    return re.sub(r"(?<=[a-z])-(?=\d)", "", name.replace("_", "-").replace(" ", "-"))


def _hint(wanted: str, known: list[Entry]) -> str:
    """Name the members of the family that `wanted` is, or else the nearest name."""
    family = re.compile(rf"(?:^|-){re.escape(wanted)}(?:$|[-.\d])")
    members = [entry.name for entry in known if any(map(family.search, entry.names))]
    if wanted and members:
        shown = ", ".join(f"`{member}`" for member in members[:MAX_MEMBERS])
        more = f" and {len(members) - MAX_MEMBERS} more" if len(members) > MAX_MEMBERS else ""
        return f"there is {shown}{more}"
    aliases = [alias for entry in known for alias in entry.names]
    return near_miss(wanted[:MAX_SHOWN], aliases) or "`vlcalc specs list` shows all names"


def entries(kind: str) -> Iterator[Entry]:
    """Yield every spec of a kind (`model`, `api`, `device`...), variants included."""
    for path in files(kind):
        yield from entries_of(path)


@cache
def entries_of(path: Path) -> tuple[Entry, ...]:
    """Return what a file defines: its main spec, then its variants."""
    document = document_of(path)
    variants = document.data.get("variants") or ()
    return (
        _entry(path, None, document.data),
        *(_entry(path, i, data) for i, data in enumerate(variants) if isinstance(data, dict)),
    )


def document_of(path: Path) -> Document:
    """Return the content of a spec file; one of the catalogue is read once, others may change."""
    return _shipped_document(path) if specs_folder() in path.parents else read_document(path)


@cache
def _shipped_document(path: Path) -> Document:
    return read_document(path)


def files(kind: str) -> list[Path]:
    """Return the files of a kind, in order of name."""
    return sorted((specs_folder() / FOLDERS[kind]).glob("*.yaml"))


def _entry(path: Path, variant: int | None, data: dict[str, object]) -> Entry:
    name = str(data.get("name", path.stem))
    aliases = data.get("aliases") or ()
    names = (name, *map(str, aliases)) if isinstance(aliases, tuple) else (name,)
    return Entry(path, variant, name, tuple(map(str.casefold, names)))


def _candidates(wanted: str, kind: str) -> Iterator[Path]:
    """Yield the files that may hold a name, the one that is called so first."""
    paths = files(kind)
    stem = specs_folder() / FOLDERS[kind] / f"{wanted}.yaml"
    if stem in paths:
        yield stem
    for path in paths:
        if path != stem and wanted in path.read_text(encoding="utf-8").casefold():
            yield path
