"""Strict YAML: what is read, what is refused and with which words."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from vlcalc.core.errors import InputError
from vlcalc.spec import document
from vlcalc.spec.document import MAX_SPEC_BYTES, parse_document, read_document

BOMB = "k0: &k0 [x, x]\n" + "".join(f"k{i}: &k{i} [*k{i - 1}, *k{i - 1}]\n" for i in range(1, 30))


def value_of(text: str) -> object:
    return parse_document(f"key: {text}", "f.yaml").data["key"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12_845_056", 12_845_056),
        ("-3", -3),
        ("1e-6", 1e-6),
        ("989e12", 989e12),
        ("4.8e+12", 4.8e12),
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12:30", "12:30"),
        ("0o17", "0o17"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("2026-11-21", datetime.date(2026, 11, 21)),
        ("[1, [2, 3]]", (1, (2, 3))),
        ("{a: 1}", {"a": 1}),
        ("'1'", "1"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", r"^f.yaml:2: expected each key once, got `a` again; first on line 1$"),
        ("x:\n  a: 1\n  a: 2", r"^f.yaml:3: expected each key once"),
        (BOMB, r"^f.yaml:\d+: expected at most 50,000 values, aliases written out, got more"),
        ("a: &a [*a, *a]", "expected at most 40 levels of nesting, got more"),
        ("a: " + "9" * 41, r"^f.yaml:1: expected a number of at most 40 digits, got one of 41"),
        ("a: " + "9" * 10_000, "expected a number of at most 40 digits, got one of 10,000"),
        ("a: *x", r"^f.yaml:1: expected valid YAML, got "),
        ("a: [1", r"^f.yaml:2: expected valid YAML"),
        ("- 1", r"^f.yaml:1: expected a mapping of keys to values"),
        ("", "expected a mapping of keys to values"),
        ("1: 2", r"expected a key that is text, got `1`; put it in quotes"),
        ("a: !!python/object:os.system x", "expected a plain value, got the tag"),
        ("a: 2026-13-01", "expected a date, got `2026-13-01`; "),
        ("a: \x00", r"^f.yaml: expected valid YAML, got "),
        ("[" * 100_000, "expected at most 40 levels of nesting, got more"),
        ("{" * 100_000, "expected at most 40 levels of nesting, got more"),
        ("[a: " * 60_000, "expected at most 40 levels of nesting, got more"),
        ("- " * 100_000, "expected at most 40 levels of nesting, got more"),
        ("? " * 100_000, "expected at most 40 levels of nesting, got more"),
        ("[" * 41, "expected at most 40 levels of nesting, got more"),
        ("[" * 40, r"^f.yaml:2: expected valid YAML, got "),
        ("\n".join(" " * i + "a:" for i in range(300)), "expected at most 40 levels of nesting"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_document(text, "f.yaml")


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader])
@pytest.mark.parametrize("limit", [60, 1_000, 1_000_000])
def test_our_limit_comes_before_one_of_the_yaml_library(
    monkeypatch: pytest.MonkeyPatch, loader: Any, limit: int
) -> None:
    """A library may refuse deep text by itself, and sees it before it yields an event of it."""
    parse = yaml.parse

    def limited(text: str, **options: Any) -> Iterator[yaml.Event]:
        if "[" * limit in text:
            mark = yaml.Mark("text", text.index("[" * limit) + limit - 1, 0, 0, None, 0)
            raise yaml.scanner.ScannerError(None, None, "words of its own", mark)
        return parse(text, **options)

    monkeypatch.setattr(yaml, "parse", limited)
    monkeypatch.setattr(document, "_Loader", type("_Loader", (loader,), {}))
    with pytest.raises(InputError, match="expected at most 40 levels of nesting, got more"):
        parse_document("a: " + "[" * 100_000, "f.yaml")


def test_a_file_of_a_size_no_spec_has(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    message = f"expected a spec of at most {MAX_SPEC_BYTES:,} bytes, got 1,073,741,824 bytes"
    with pytest.raises(InputError, match=message):
        read_document(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a readable YAML file, got no such file"):
        read_document(tmp_path / "missing.yaml")
    with pytest.raises(InputError, match="expected a readable YAML file, got is a directory"):
        read_document(tmp_path)
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: \xe9")
    with pytest.raises(InputError, match="expected UTF-8 text, got a byte at 3 that is not"):
        read_document(path)


def test_aliases_that_expand_to_little_are_written_out() -> None:
    text = "a: &a { x: 1 }\nb: *a\nc: [*a, *a]\n"
    built = parse_document(text, "f.yaml")
    assert built.data == {"a": {"x": 1}, "b": {"x": 1}, "c": ({"x": 1}, {"x": 1})}
    assert str(built.mark(("b",))) == "f.yaml:2"


def test_marks_survive_merging() -> None:
    base = parse_document("a: 1\nb: {c: 2, d: 3}\n", "base.yaml")
    over = parse_document("\n\nb: {d: 4}\n", "over.yaml")
    merged = base.overlaid(over)
    assert merged.data == {"a": 1, "b": {"c": 2, "d": 4}}
    assert str(merged.mark(("b", "c"))) == "base.yaml:2"
    assert str(merged.mark(("b", "d"))) == "over.yaml:3"
    assert str(merged.mark(("b", "missing"))) == "over.yaml:3"


def test_a_block_of_another_kind_replaces() -> None:
    base = parse_document("t: {kind: a, x: 1}", "f")
    assert base.overlaid(parse_document("t: {kind: b}", "g")).data == {"t": {"kind": "b"}}
    merged = base.overlaid(parse_document("t: {kind: a, y: 2}", "g")).data
    assert merged == {"t": {"kind": "a", "x": 1, "y": 2}}
