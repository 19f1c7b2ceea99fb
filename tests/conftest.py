"""Fixtures of the whole suite: the command line in this process, golden files, small images."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.sums import check_sums, has_no_sums
from vlcalc.cli import main

# Modules here are tiny: a second thread of torch, here or in a subprocess, would only spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Where torch is not installed, what needs it is left out, and the report's header says so.
HAS_TORCH = importlib.util.find_spec("torch") is not None
TORCH_ROOMS = "backbones comparison cost fusion inference measurement modules serving"
collect_ignore_glob = [] if HAS_TORCH else [f"{name}/*" for name in TORCH_ROOMS.split()]

TESTS = Path(__file__).parent
ROOT = TESTS.parent


class Ran(NamedTuple):
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


def pytest_report_header() -> str:
    """Say what is left out where."""
    return "" if HAS_TORCH else f"no torch here: without tests of {TORCH_ROOMS}"


def pytest_collection_finish() -> None:
    """Keep what all tests share, libraries and cases, out of every later garbage collection."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    for item in items:
        if "golden" in item.fixturenames:
            item.add_marker("pinned")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write the golden files anew")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Return a function that runs `vlcalc ARGS` through `main()` in this process."""

    def run_command(*args: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["vlcalc", *args])
        monkeypatch.setenv("COLUMNS", "100")
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run_command


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a function that holds a text against `tests/golden/NAME`, and to its own sums."""

    def compare(name: str, text: str) -> None:
        path = TESTS / "golden" / name
        if request.config.getoption("--update-goldens"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")
        assert check_sums(text) or has_no_sums(name)

    return compare
