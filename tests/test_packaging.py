"""What the tests run on is pinned as a whole, and README, pyproject.toml and .ci/ agree on it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ".ci/constraints.txt"
INSTALL = f"pip install -e '.[dev]' -c {CONSTRAINTS}"
PINS = [
    Requirement(line)
    for line in (ROOT / CONSTRAINTS).read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def needed_here(name: str, extras: frozenset[str], seen: set[str]) -> Iterator[str]:
    """Yield the names of all packages that one needs, and those need, on this Python."""
    for text in requires(name) or []:
        requirement = Requirement(text)
        if not any(applies(requirement, extra) for extra in {"", *extras}):
            continue
        needed = canonicalize_name(requirement.name)
        key = f"{needed}{sorted(requirement.extras)}"
        if key not in seen:
            seen.add(key)
            yield needed
            yield from needed_here(needed, frozenset(requirement.extras), seen)


def test_every_package_that_the_tests_run_on_is_pinned() -> None:
    pytest.importorskip("transformers")
    pinned = {canonicalize_name(pin.name) for pin in PINS if applies(pin)}
    needed = set(needed_here("vlcalc", frozenset({"dev"}), set())) - {"vlcalc"}
    assert len(needed) > 40
    assert needed - pinned == set()


def test_every_pin_is_one_version_on_each_python() -> None:
    for version in ("3.10", "3.11", "3.12", "3.13"):
        here = [
            canonicalize_name(pin.name)
            for pin in PINS
            if pin.marker is None or pin.marker.evaluate({"python_version": version})
        ]
        assert len(here) == len(set(here))
    assert {str(pin.specifier)[:2] for pin in PINS} == {"=="}


def test_pins_lie_within_what_pyproject_allows() -> None:
    allowed = [Requirement(text) for text in requires("vlcalc") or []]
    checked = 0
    for pin in PINS:
        (version,) = (specifier.version for specifier in pin.specifier)
        for requirement in allowed:
            if canonicalize_name(requirement.name) == canonicalize_name(pin.name):
                assert requirement.specifier.contains(version, prereleases=True), pin
                checked += 1
    assert checked >= 14


@pytest.mark.parametrize("file", ["README.md", "pyproject.toml", ".ci/run", CONSTRAINTS])
def test_they_name_the_same_command(file: str) -> None:
    assert INSTALL in (ROOT / file).read_text(encoding="utf-8")
