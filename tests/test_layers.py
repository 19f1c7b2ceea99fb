"""The house rules of imports: only downwards, never sideways, torch and numpy never at start-up."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vlcalc"
# From the bottom up: a room imports only from those before it.
ROOMS = [
    "core",
    "report",
    "tiling",
    "modules",
    "fusion",
    "backbones",
    "spec",
    "tokens",
    "cost",
    "comparison",
    "runs",
    "inference",
    "serving",
    "measurement",
    "audit",
    "api",
    "cli",
]
LEVEL_OF = {name: level for level, name in enumerate(ROOMS)}
HEAVY = {"torch", "numpy", "transformers", "fvcore"}
# Rooms that torch lives in; everywhere else it is imported inside the function that needs it.
TORCH_ROOMS = {"modules", "cost", "measurement"}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            if node.module == "vlcalc":
                yield from (f"vlcalc.{alias.name}" for alias in node.names)
            else:
                yield node.module


def modules() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem[0] != "_"]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_room_has_a_level() -> None:
    assert {room_of(path) for path in modules()} == set(LEVEL_OF)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downwards(path: Path) -> None:
    here = room_of(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "vlcalc" or len(parts) == 1 or parts[1] in (here, "__version__"):
            continue
        assert LEVEL_OF[parts[1]] < LEVEL_OF[here], f"{here} imports {name}"


def imports_at_start(path: Path) -> Iterator[str]:
    """Yield what is imported when the module is, not what functions or type checkers import."""
    for node in parsed(path).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(name: str) -> Path | None:
    """Return the file of this package that a dotted name is; None where it is none."""
    stem = PACKAGE.parent / name.replace(".", "/")
    files = (stem.with_name(f"{stem.name}.py"), stem / "__init__.py")
    return next((path for path in files if path.is_file()), None)


@cache
def files_at_start(path: Path) -> frozenset[Path]:
    """Return the files of this package that a file imports when it is imported."""
    return frozenset(file for name in imports_at_start(path) if (file := file_of(name)))


def loaded_at_start(path: Path) -> set[str]:
    """Return the heavy libraries that importing a file loads, through whatever it imports."""
    seen, todo = {path}, [path]
    while todo:
        new = files_at_start(todo.pop()) - seen
        seen |= new
        todo += new
    return {name.split(".")[0] for file in seen for name in imports_at_start(file)} & HEAVY


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    assert room_of(path) in TORCH_ROOMS or not loaded_at_start(path)


@pytest.mark.parametrize(
    "args",
    [
        ("--help",),
        ("tokens", "--help"),
        ("bench", "--help"),
        ("tokens", "--res", "672", "--tiles", "4"),
        ("tokens", "--model", "qwen2.5-vl", "--image", "1920x1080", "--explain"),
        ("tokens", "--model", "all", "--model", "apis", "--image", "1920x1080"),
        ("specs", "list"),
        ("specs", "validate"),
        ("specs", "schema"),
    ],
    ids=" ".join,
)
def test_neither_torch_nor_numpy_is_imported(args: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom vlcalc.cli import main\n"
        f"sys.argv = ['vlcalc', *{args!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stderr.splitlines()[-1] == "[]"


def test_importing_vlcalc_imports_nothing_of_it() -> None:
    code = "import sys, vlcalc; print(sorted(m for m in sys.modules if m.startswith('vlcalc')))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "['vlcalc']\n"


def test_a_room_does_not_hide_the_function_of_its_name() -> None:
    code = "import vlcalc, vlcalc.tokens.budget; print(callable(vlcalc.tokens))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "True\n"


def files_imported(path: Path) -> set[Path]:
    """Return the files of this package that a file imports, inside functions too."""
    names = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    files = {file_of(name) or file_of(name.rpartition(".")[0]) for name in {*names, *imports(path)}}
    return {file for file in files if file is not None} - {path}


def test_no_file_imports_itself_through_others() -> None:
    TopologicalSorter({path: files_imported(path) for path in modules()}).prepare()
