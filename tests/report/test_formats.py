"""Every format: the values survive, unknown is unknown, nothing is cut in a pipe."""

from __future__ import annotations

import csv
import io
import json

import pytest

from vlcalc.report.formats import FORMATS, Canvas
from vlcalc.report.table import Column, Table

COLUMNS = (
    Column("name", "name", "text"),
    Column("num_things", "things", priority=1),
    Column("share", "share", "share"),
    Column("usd", "price", "usd"),
    Column("secret", "secret", "text", reader="machines"),
    Column("shown", "shown", "text", reader="people"),
)
ROWS = [
    ('a|b, "c"\n', 1234567, 0.5, 0.00125, "x", "y"),
    ("ünïcode", None, None, None, None, None),
]
TABLE = Table(
    COLUMNS, ROWS, title="A title", notes=("A note | with a bar.",), alerts=frozenset({1})
)

PIPE = Canvas()


def rendered(name: str, table: Table = TABLE, canvas: Canvas = PIPE) -> str:
    return "".join(FORMATS.get(name)(table, canvas))


def test_csv_holds_raw_values() -> None:
    rows = list(csv.reader(io.StringIO(rendered("csv"))))
    assert rows[0] == ["name", "num_things", "share", "usd", "secret"]
    assert rows[1] == ['a|b, "c"\n', "1234567", "0.5", "0.00125", "x"]
    assert rows[2] == ["ünïcode", "", "", "", ""]


def test_json_holds_raw_values() -> None:
    document = json.loads(rendered("json"))
    assert document["title"] == "A title"
    assert document["rows"][0]["num_things"] == 1234567
    assert document["rows"][1] == {
        "name": "ünïcode", "num_things": None, "share": None, "usd": None, "secret": None,
    }  # fmt: skip
    assert [column["key"] for column in document["columns"]][-1] == "secret"


@pytest.mark.parametrize("name", ["csv", "json", "markdown", "table"])
def test_a_table_without_rows(name: str) -> None:
    text = rendered(name, Table(COLUMNS, []))
    assert text.endswith("\n")
    if name == "json":
        assert json.loads(text)["rows"] == []


def test_markdown_escapes_bars() -> None:
    lines = rendered("markdown").splitlines()
    assert lines[2] == "| name | things | share | price | shown |"
    assert lines[3] == "| --- | ---: | ---: | ---: | --- |"
    assert lines[4] == '| a\\|b, "c"\\\\n | 1,234,567 | 50.00 % | $0.00125 | y |'
    assert lines[5] == "| ünïcode | - | - | - | - |"


def test_a_pipe_gets_every_value_whole() -> None:
    long = "x" * 300
    text = rendered("table", Table(COLUMNS[:2], [(long, 10**12)]))
    assert long in text
    assert "1,000,000,000,000" in text


def test_a_narrow_terminal_loses_the_least_important_columns_first_and_says_so() -> None:
    text = rendered("table", canvas=Canvas(width=40))
    assert "1,234,567" not in text
    assert "50.00 %" in text
    assert "want of width: num_things" in " ".join(text.split())
    assert all(len(line) <= 40 for line in text.splitlines())


def test_colour_only_where_it_is_wanted() -> None:
    assert "\x1b[" in rendered("table", canvas=Canvas(width=80, color=True))
    assert "\x1b[" not in rendered("table", canvas=Canvas(width=80))


def test_without_unicode_all_is_ascii() -> None:
    table = Table(COLUMNS[:1], [("plain",)])
    assert rendered("table", table, Canvas(unicode=False)).isascii()


@pytest.mark.parametrize("name", ["csv", "json", "markdown"])
def test_rows_are_streamed(name: str) -> None:
    seen = 0

    def rows() -> object:
        nonlocal seen
        for seen in range(1, 3001):
            yield ("a", seen)

    chunks = FORMATS.get(name)(Table(COLUMNS[:2], rows()), Canvas())  # type: ignore[arg-type]
    for _ in range(4):
        next(chunks)
    assert seen <= 3000
    if name != "csv":
        assert seen < 10


@pytest.mark.parametrize("width", [30, 40, 60])
def test_a_number_is_never_broken_over_lines(width: int) -> None:
    columns = (Column("name", "name", "text"), Column("n", "a long title of words"))
    text = rendered("table", Table(columns, [("x" * 50, 1_115_815_952)]), Canvas(width=width))
    assert "1,115,815,952" in text
    assert "".join(c for c in text if c == "x") == "x" * 50
