"""Validation errors in words: file, line, key path, what was expected, what came, and a hint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vlcalc.core.errors import InputError, near_miss
from vlcalc.spec.document import Document, KeyPath
from vlcalc.tiling.field import ByKind

EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "int_parsing_size": "an integer that is not so long",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "date_type": "a date such as 2026-11-21",
    "none_required": "nothing",
    "missing_kind": "a mapping with the key `kind`",
    "block": "a mapping with the key `kind`",
    "finite_number": "a finite number",
    "extra_forbidden": "only known keys",
}
BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
    "too_short": ("min_length", "a list with at least"),
}


def explain_errors(
    error: ValidationError, model: type[BaseModel], document: Document
) -> Iterator[InputError]:
    """Yield an error a line for each fault that pydantic found in a document."""
    for detail in error.errors(include_url=False):
        path = _key_path(detail["loc"], document)
        mark = document.mark(path)
        expected, got, hint = _words(detail, path, model, document)
        where = f"{mark} `{_dotted(path)}`" if path else str(mark)
        yield InputError(expected=expected, got=got, where=where, hint=hint)


def _key_path(steps: tuple[int | str, ...], document: Document) -> KeyPath:
    """Return the keys of a document among the steps; pydantic adds some inside a union."""
    path: KeyPath = ()
    for step in steps:
        if isinstance(step, int) or "[" not in step or (*path, step) in document.marks:
            path = (*path, step)
    return path


def _dotted(path: KeyPath) -> str:
    return ".".join(str(key) for key in path)


def _words(
    detail: ErrorDetails, path: KeyPath, model: type[BaseModel], document: Document
) -> tuple[str, str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return f"the key `{path[-1]}`", "no such key", ""
    if kind == "extra_forbidden":
        known = _keys_at(model, document.data, path[:-1])
        hint = near_miss(str(path[-1]), known) or "known keys: " + ", ".join(known)
        return "only known keys", f"`{path[-1]}`", hint
    got = _shown(detail["input"])
    if kind == "unknown_kind":
        block = detail["input"]
        return str(context["expected"]), f"`{block.get('kind')}`", str(context["hint"])
    expected = expected_words(detail)
    if isinstance(detail["input"], dict):
        return _together(expected, path, document)
    return expected, got, ""


def _together(expected: str, path: KeyPath, document: Document) -> tuple[str, str, str]:
    """Return the words for keys of a mapping that do not go together: each with its line."""
    expected, _, got = expected.partition(", got ")
    keys = dict.fromkeys(re.findall(r"`(\w+)`", expected))
    marks = {key: document.marks.get((*path, key)) for key in keys}
    places = " and ".join(f"`{key}` at {mark}" for key, mark in marks.items() if mark)
    return expected, got or places or "a mapping", places if got else ""


def expected_words(detail: ErrorDetails) -> str:
    """Return what would have been right, in our own words: those of pydantic change."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "`")
    if kind == "string_pattern_mismatch":
        return f"text like `{context['pattern']}`"
    if kind in BOUNDS:
        key, words = BOUNDS[kind]
        return f"{words} {context[key]}"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("expected ")
    return EXPECTED.get(kind, message)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, tuple):
        return "a list" if value else "an empty list"
    text = repr(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def _keys_at(model: type[BaseModel], data: Any, path: KeyPath) -> list[str]:
    """Return the keys that are known at a key path."""
    fields = model.model_fields
    for key in path:
        data = data[key] if _holds(data, key) else {}
        if isinstance(key, int):
            continue
        nested = _model_of(fields[key], data) if key in fields else None
        if nested is None and isinstance(data, dict) and "kind" in data:
            nested = _model_by_kind(fields.values(), data)
        if nested is None:
            return []
        fields = nested.model_fields
    return list(fields)


def _holds(data: Any, key: int | str) -> bool:
    return isinstance(data, dict) and key in data


def _model_of(field: Any, data: Any) -> type[BaseModel] | None:
    for source in (*field.metadata, *_metadata(field.annotation)):
        if isinstance(source, ByKind) and isinstance(data, dict) and "kind" in data:
            return source.registry.get(str(data["kind"]))  # type: ignore[no-any-return]
    for choice in (field.annotation, *get_args(field.annotation)):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            return choice
    return None


def _model_by_kind(fields: Any, data: Any) -> type[BaseModel] | None:
    for field in fields:
        model = _model_of(field, data)
        if model is not None and "kind" in model.model_fields:
            return model
    return None


def _metadata(annotation: Any) -> Iterator[Any]:
    for choice in get_args(annotation):
        yield from getattr(choice, "__metadata__", ())
        yield from _metadata(choice)
