"""Read a YAML file strictly and remember where each key stands.

YAML 1.1 traps are refused or handled: duplicate keys, aliases that expand to much (bombs), merge
keys, `on`/`no` as booleans, `1e-6` as a string, tags, files of a size no spec has.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import yaml

from vlcalc.core.errors import InputError
from vlcalc.core.files import OversizeError, read_bytes

MAX_SPEC_BYTES = 262_144
MAX_DEPTH = 40
MAX_VALUES = 50_000  # of a file, what aliases repeat included; the longest spec has 2,000
MAX_DIGITS = 40

KeyPath = tuple[str | int, ...]


class Mark(NamedTuple):
    """Where a key stands: file and line, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Document(NamedTuple):
    """The content of a YAML file, lists as tuples, and the mark of every key path in it."""

    data: dict[str, Any]
    marks: dict[KeyPath, Mark]

    def mark(self, path: KeyPath) -> Mark:
        """Return the mark of a key path, or of the nearest one above it."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks[path]

    def at(self, *path: str | int) -> Document:
        """Return the mapping at a key path as a document of its own."""
        data: Any = self.data
        for key in path:
            data = data[key]
        size = len(path)
        marks = {key[size:]: mark for key, mark in self.marks.items() if key[:size] == path}
        return Document(data, marks)

    def without(self, *keys: str) -> Document:
        """Return the document less some of its top-level keys."""
        data = {key: value for key, value in self.data.items() if key not in keys}
        marks = {path: mark for path, mark in self.marks.items() if not path or path[0] in data}
        return Document(data, marks)

    def under(self, *path: str | int) -> Document:
        """Return a document that holds this one at a key path."""
        data = self.data
        for key in reversed(path):
            data = {str(key): data}
        marks = {(*path, *key): mark for key, mark in self.marks.items()}
        return Document(data, {(): self.mark(()), **marks})

    def overlaid(self, other: Document) -> Document:
        """Return this document with `other` merged over it.

        Mappings merge key by key, everything else is replaced; so is a block of another `kind`.
        """
        data = _merge(self.data, other.data)
        marks = {path: mark for path, mark in self.marks.items() if _has(data, path)}
        return Document(data, {**marks, **{path: m for path, m in other.marks.items() if path}})


def _merge(base: Any, over: Any) -> Any:
    mappings = isinstance(base, Mapping) and isinstance(over, Mapping)
    if not mappings or base.get("kind") != over.get("kind", base.get("kind")):
        return over
    return {**base, **{key: _merge(base.get(key), value) for key, value in over.items()}}


def _has(data: Any, path: KeyPath) -> bool:
    try:
        for key in path:
            data = data[key]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def read_document(path: Path) -> Document:
    """Read the mapping in a YAML file.

    Raises:
        InputError: the file cannot be read, is too large, or is not a strict YAML mapping.
    """
    return parse_document(_read_text(path), str(path))


def _read_text(path: Path) -> str:
    try:
        return read_bytes(path, MAX_SPEC_BYTES).decode("utf-8")
    except OversizeError as error:
        expected, got, hint = (
            f"a spec of at most {MAX_SPEC_BYTES:,} bytes",
            str(error.strerror),
            "is this the right file?",
        )
    except OSError as error:
        expected, got, hint = "a readable YAML file", (error.strerror or str(error)).lower(), ""
    except UnicodeDecodeError as error:
        expected, got, hint = "UTF-8 text", f"a byte at {error.start} that is not", ""
    raise InputError(expected=expected, got=got, where=str(path), hint=hint)


def parse_document(text: str, file: str) -> Document:
    """Read the mapping in YAML text; `file` is its name in messages.

    Raises:
        InputError: the text is not a strict YAML mapping.
    """
    root = _root(text, file)
    if not isinstance(root, yaml.MappingNode):
        raise InputError(
            expected="a mapping of keys to values", got="something else", where=f"{file}:1"
        )
    builder = _Builder(file)
    data = builder.build(root, ())
    return Document(data, builder.marks)


def parse_value(text: str, where: str) -> Any:
    """Return the value in YAML text, of whatever type; raises InputError as `parse_document`."""
    root = _root(text, where)
    return None if root is None else _Builder(where).build(root, ())


def _root(text: str, file: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        if _depth(text) > MAX_DEPTH:
            raise InputError(
                expected=f"at most {MAX_DEPTH} levels of nesting", got="more", where=file
            )
        node: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(
            expected="valid YAML", got=error.problem or "an error", where=f"{file}:{line}"
        ) from None
    except yaml.YAMLError as error:
        got = " ".join(str(error).split())
        raise InputError(expected="valid YAML", got=got, where=file) from None
    finally:
        loader.dispose()
    return node


def _depth(text: str) -> int:
    """Return the depth of nesting, or 0 where it is plainly small.

    libyaml composes recursively in C: text such as 100,000 `[` would crash the interpreter.
    """
    if sum(text.count(opener) for opener in ("[", "{", "- ", "? ")) <= MAX_DEPTH:
        return 0
    try:
        return _depth_of_events(text)
    except yaml.MarkedYAMLError as error:
        # Its scanner runs ahead of the events and may have a limit of its own: what stands before
        # the place where it stopped is counted all the same.
        before = text[: error.problem_mark.index] if error.problem_mark else ""
    try:
        return _depth_of_events(before)
    except yaml.YAMLError:
        return 0


def _depth_of_events(text: str) -> int:
    """Return the depth of nesting; one above the limit as soon as that is passed."""
    depth = deepest = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            deepest = max(deepest, depth)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if deepest > MAX_DEPTH:
            break
    return deepest


class _Builder:
    """Turns composed YAML nodes into values; a node that aliases repeat is built every time."""

    def __init__(self, file: str) -> None:
        self.marks: dict[KeyPath, Mark] = {}
        self._file = file
        self._num_values = 0

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        self.marks.setdefault(path, self._mark(node))
        if len(path) > MAX_DEPTH:
            raise self._error(node, f"at most {MAX_DEPTH} levels of nesting", "more")
        self._num_values += 1
        if self._num_values > MAX_VALUES:
            raise self._error(node, f"at most {MAX_VALUES:,} values, aliases written out", "more")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return tuple(self.build(item, (*path, i)) for i, item in enumerate(node.value))
        assert isinstance(node, yaml.MappingNode)  # all that is left
        return self._mapping(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str) or key_node.tag != "tag:yaml.org,2002:str":
                raise self._error(key_node, "a key that is text", f"`{key}`", "put it in quotes")
            here = (*path, key)
            if key in values:
                first = self.marks[here].line
                raise self._error(
                    key_node, "each key once", f"`{key}` again", f"first on line {first}"
                )
            self.marks[here] = self._mark(key_node)
            values[key] = self.build(value_node, here)
        return values

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "str":
                return text
            case "int" if len(text) > MAX_DIGITS:
                expected = f"a number of at most {MAX_DIGITS} digits"
                raise self._error(node, expected, f"one of {len(text):,}")
            case "int":
                return int(text.replace("_", ""))
            case "float":
                return float(text.replace("_", ""))
            case "bool":
                return text.lower() == "true"
            case "null":
                return None
            case "timestamp":
                return self._date(node)
        raise self._error(node, "a plain value", f"the tag `{node.tag}`")

    def _date(self, node: yaml.ScalarNode) -> datetime.date:
        try:
            return datetime.date.fromisoformat(node.value)
        except ValueError as error:
            raise self._error(node, "a date", f"`{node.value}`", str(error)) from None

    def _mark(self, node: yaml.Node) -> Mark:
        return Mark(self._file, node.start_mark.line + 1)

    def _error(self, node: yaml.Node, expected: str, got: str, hint: str = "") -> InputError:
        return InputError(expected=expected, got=got, where=str(self._mark(node)), hint=hint)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Composes nodes with the scalars of YAML 1.2's core schema, and dates."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(?:null|Null|NULL|~|)$"), ["n", "N", "~", ""]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9][0-9_]*$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:timestamp", re.compile(r"^\d{4}-\d\d-\d\d$"), list("0123456789")
)
