"""A checkpoint's spec as YAML: each value beside the file and key that it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vlcalc.checkpoint.load import LoadedCheckpoint
from vlcalc.spec.document import Document, KeyPath
from vlcalc.spec.listing import yaml_text

INDENT = "  "
BY_TYPE = "config.json: model_type"


def checkpoint_yaml(checkpoint: LoadedCheckpoint) -> str:
    """Return the YAML that the very same spec can be loaded from.

    What no key says follows from the type alone, which is then named as its source.
    """
    return "".join(f"{line}\n" for line in _mapping(checkpoint.document, ()))


def _mapping(document: Document, path: KeyPath) -> Iterator[str]:
    """Yield the lines of a mapping in a document, each with as much space as its depth needs."""
    block = document.at(*path).data
    space = INDENT * len(path)
    for key, value in block.items():
        inner = (*path, key)
        if isinstance(value, Mapping) and value:
            yield f"{space}{key}:"
            yield from _mapping(document, inner)
            continue
        lines = yaml_text({key: value}).splitlines()
        source = _source(document, inner)
        if len(lines) == 1:
            yield f"{space}{lines[0]}  # {source}"
        else:
            yield f"{space}# {source}"
            yield from (f"{space}{line}" for line in lines)


def _source(document: Document, path: KeyPath) -> str:
    """Return where a value is from, with all that lies in it."""
    if path == ("name",):
        return "the folder's own"
    length = len(path)
    marks = [str(mark) for key, mark in document.marks.items() if key[:length] == path]
    return "; ".join(dict.fromkeys(marks)) or BY_TYPE
