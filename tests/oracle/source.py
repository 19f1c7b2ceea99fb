"""Functions of transformers, compiled from their files alone.

Modules of video processors ask for torchvision as they are imported, which the arithmetic that is
wanted of them does not need.
"""

from __future__ import annotations

import ast
import importlib.util
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any


def function_of(path: str, name: str, owner: str = "", **names: Any) -> Callable[..., Any]:
    """Return a function of a file under `transformers`.

    Args:
        path: the file.
        name: the function.
        owner: its class; "" where it is a function of the module.
        names: what it uses, beside `math` and `logger`.
    """
    (source,) = (
        statement
        for statement in body_of(path, owner)
        if isinstance(statement, ast.FunctionDef) and statement.name == name
    )
    module = ast.Module([source], type_ignores=[])
    scope: dict[str, Any] = {"math": math, "logger": logging.getLogger(__name__), **names}
    exec(compile(module, path, "exec", flags=_annotations_as_text()), scope)
    function: Callable[..., Any] = scope[name]
    return function


def values_of(path: str, owner: str) -> dict[str, Any]:
    """Return the plain values that a class sets for its instances."""
    return {
        statement.targets[0].id: statement.value.value
        for statement in body_of(path, owner)
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and isinstance(statement.value, ast.Constant)
    }


def body_of(path: str, owner: str = "") -> list[ast.stmt]:
    """Return the statements of a file, or of a class in it."""
    spec = importlib.util.find_spec("transformers")
    assert spec is not None
    assert spec.origin is not None
    module = ast.parse((Path(spec.origin).parent / path).read_text(encoding="utf-8"))
    if not owner:
        return module.body
    (definition,) = (
        statement
        for statement in module.body
        if isinstance(statement, ast.ClassDef) and statement.name == owner
    )
    return definition.body


def _annotations_as_text() -> int:
    """Return the compiler's flag that leaves annotations alone, whose names are not imported."""
    import __future__

    return __future__.annotations.compiler_flag
