"""Names: one for one thing over the whole package, and none that says nothing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import vlcalc

ROOT = Path(vlcalc.__file__).parent
TREES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(ROOT.rglob("*.py"))
}
# They do not say what a value is.
EMPTY_WORDS = {"found", "told", "asked"}
# Files that may call `getattr` with a default, and why no type can say it there.
DEFAULTS = {
    "audit/real_class.py": "transformers is not typed here; what its classes have differs",
    "checkpoint/hub_errors.py": "an error of any library may hold the HTTP answer that it is about",
    "cost/repeated.py": "what torch dispatches may be no operator, and then has no schema",
    "cost/trace.py": "older versions of torch do not say of every operator whether it is a view",
    "spec/document.py": "PyYAML has its fast loader only where it was built with libyaml",
    "spec/messages.py": "an annotation is any object; those of `Annotated` alone have metadata",
}


def public_names() -> Iterator[tuple[str, str]]:
    """Yield each public class and function at the top of a file, with the file."""
    for file, tree in TREES.items():
        for node in tree.body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not node.name.startswith("_"):
                yield node.name, file


def names_given(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every name that a file gives or reads as an attribute, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno


def has_default(node: ast.AST) -> bool:
    """Tell whether a node is a call of `getattr` with a default."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    return node.func.id == "getattr" and len(node.args) == 3


def test_no_two_public_classes_or_functions_share_a_name() -> None:
    files = defaultdict(list)
    for name, file in public_names():
        files[name].append(file)
    assert {name: where for name, where in files.items() if len(where) > 1} == {}
    assert len(files) > 1000


def test_no_name_is_an_empty_word() -> None:
    empty = [
        f"{file}:{line} {name}"
        for file, tree in TREES.items()
        for name, line in names_given(tree)
        if name in EMPTY_WORDS
    ]
    assert empty == []


def test_getattr_has_a_default_only_where_no_type_can_say_it() -> None:
    files = {file for file, tree in TREES.items() if any(map(has_default, ast.walk(tree)))}
    assert files == set(DEFAULTS)
