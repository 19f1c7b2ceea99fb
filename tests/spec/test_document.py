"""Strict YAML: what is read, what is refused and with which words."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from vlcalc.core.errors import InputError
from vlcalc.spec.document import MAX_SPEC_BYTES, parse_document, read_document

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"


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
        (BOMB, r"^f.yaml:1: expected each value written out, got an alias"),
        ("a: *x", "undefined alias"),
        ("a: [1", r"^f.yaml:2: expected valid YAML"),
        ("- 1", r"^f.yaml:1: expected a mapping of keys to values"),
        ("", "expected a mapping of keys to values"),
        ("1: 2", r"expected a key that is text, got `1`; put it in quotes"),
        ("a: !!python/object:os.system x", "expected a plain value, got the tag"),
        ("a: 2026-13-01", "expected a date, got `2026-13-01`; month must be in"),
        ("a: \x00", "expected valid YAML, got unacceptable character"),
        ("[" * 100_000, "expected at most 40 levels of nesting, got more"),
        ("- " * 100_000, "expected at most 40 levels of nesting, got more"),
        ("\n".join(" " * i + "a:" for i in range(300)), "expected at most 40 levels of nesting"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_document(text, "f.yaml")


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
