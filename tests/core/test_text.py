"""Text of others: nothing that a terminal obeys is left, and JSON is the same JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcalc.core.errors import InputError
from vlcalc.core.strict_json import json_text, parse_json
from vlcalc.core.text import printable

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # surrogates too


@settings(max_examples=1000)
@given(ANY_TEXT)
def test_what_is_left_can_be_shown(text: str) -> None:
    shown = printable(text)
    assert all(c.isprintable() or c.isspace() for c in shown)
    assert not set(shown) & {chr(code) for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}
    shown.encode("utf-8")
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï 日本", "plain ünï 日本"),
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("gpj\u202egnp", "gpj\\u202egnp"),
        ("\udcff", "\\udcff"),
        ("9.41\u202fAM", "9.41\u202fAM"),  # as macOS names its screenshots
    ],
)
def test_letters_that_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    error = InputError(expected=text, got=text, where=text)
    assert str(error) == f"{shown}: expected {shown}, got {shown}"


@settings(max_examples=1000)
@given(st.dictionaries(ANY_TEXT, ANY_TEXT), st.sampled_from([None, 1]))
def test_json_is_the_same_value(value: dict[str, str], indent: int | None) -> None:
    text = json_text(value, indent=indent)
    text.encode("utf-8")
    assert json.loads(text) == value
    assert all(c.isprintable() or c.isspace() for c in text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": {"b": 1, "b": 2}}', "the key `b` twice"),
        ("1" * 31, "a number of 31 digits"),
        ("[" * 100_000, "nested too deep"),
        ("{", "Expecting property name"),
    ],
)
def test_json_that_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)
