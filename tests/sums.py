"""Hold what commands print to its sums: parts to totals, tokens to sequences, rows to counts.

Tables are read back from their text. A shown number is known to half a unit of its last digit, so
a sum holds where the interval of the parts meets that of the total.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

VERDICTS = re.compile(r"^(\d+) (?:published figures?|claims): (.*)\.$", re.MULTILINE)
NUMBER = re.compile(r"(-?[\d,]+(?:\.(\d+))?)\s?(.*)")
SCALES = {
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
WINDOWS = {"4K": 4096, "8K": 8192, "32K": 32_768, "128K": 131_072}
TOTALS = ("total", "memory")


class Shown(NamedTuple):
    """A number as it is shown: known to `slack` in either direction."""

    value: float
    slack: float
    unit: str

    def meets(self, value: float, slack: float = 0) -> bool:
        """Return whether a value that is known to a slack can be this one."""
        return abs(self.value - value) <= self.slack + slack + 1e-12 * abs(value)


def shown(cell: str) -> Shown | None:
    """Return the number of a cell; None where it holds none, or more than one."""
    match = NUMBER.fullmatch(cell.strip())
    if not match or re.search(r"\d", match[3]):
        return None
    number, decimals, unit = match.groups()
    scale = SCALES.get(unit, 1)
    slack = 0.5 * scale / 10 ** len(decimals or "") if decimals or unit in SCALES else 0
    return Shown(float(number.replace(",", "")) * scale, slack, "" if unit in SCALES else unit)


class Table(NamedTuple):
    """A table of a text: the line above it, its headings, its rows; first cells keep indents."""

    title: str
    headings: list[str]
    rows: list[list[str]]

    def has(self, *headings: str) -> bool:
        """Return whether it has all of these columns."""
        return set(headings) <= set(self.headings)

    def column(self, heading: str) -> list[Shown | None]:
        """Return the numbers of a column; all unknown where there is none."""
        if heading not in self.headings:
            return [None] * len(self.rows)
        at = self.headings.index(heading)
        return [shown(row[at]) for row in self.rows]

    def numbers(self, *headings: str) -> Iterator[tuple[Shown, ...]]:
        """Yield the numbers of some columns, for rows that have all of them."""
        for row in zip(*map(self.column, headings), strict=True):
            known = [number for number in row if number is not None]
            if len(known) == len(headings):
                yield tuple(known)


def tables(text: str) -> Iterator[Table]:
    """Yield the tables of a text: a line of headings, a rule, and rows until an empty line."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if line.strip("─ ") or not line.strip():
            continue
        end = next((i for i in range(at, len(lines)) if not lines[i].strip()), len(lines))
        body = [row for row in lines[at + 1 : end] if row.startswith(" ")]
        heading, *rows = _cut([lines[at - 1], *body])
        yield Table(lines[max(at - 3, 0)], [cell.strip() for cell in heading], rows)


def _cut(lines: Sequence[str]) -> list[list[str]]:
    """Cut lines where all of them have three spaces or more: columns stand that far apart."""
    width = max(map(len, lines))
    padded = [line.ljust(width) for line in lines]
    blank = "".join(" " if {line[i] for line in padded} == {" "} else "x" for i in range(width))
    edges = [0, *(gap.start() + 1 for gap in re.finditer(r"(?<=x) {3,}(?=x)", blank)), width]
    spans = list(pairwise(edges))
    return [[line[a:b].rstrip() for a, b in spans] for line in padded]


def _indent(row: Sequence[str]) -> int:
    return len(row[0]) - len(row[0].lstrip())


def _check_sum(whole: Shown, parts: Sequence[Shown], where: str) -> None:
    same = [part for part in parts if part.unit == whole.unit]
    total, slack = sum(part.value for part in same), sum(part.slack for part in same)
    assert whole.meets(total, slack), f"{where}: {total} is not {whole.value}"


def totals(table: Table) -> int:
    """Check that rows sum to the last, where that is a total; peaks have a largest instead."""
    checked = 0
    if not table.rows or table.rows[-1][0].strip() not in TOTALS:
        return 0
    for heading in table.headings[1:]:
        *parts, whole = table.column(heading)
        known = [part for part in parts if part is not None]
        if whole is None or not known:
            continue
        if heading.startswith("peak"):
            assert whole.value == max(part.value for part in known), heading
        else:
            _check_sum(whole, known, heading)
        checked += 1
    return checked


def trees(table: Table) -> int:
    """Check that what is indented below a row sums to it, in every column of numbers."""
    checked = 0
    if table.headings[0] not in {"component", "module"}:
        return 0
    for at, row in enumerate(table.rows):
        below: list[int] = []
        for other in range(at + 1, len(table.rows)):
            if _indent(table.rows[other]) <= _indent(row):
                break
            if _indent(table.rows[other]) == _indent(row) + 2:
                below.append(other)
        for heading in table.headings[1:] if below else []:
            column = table.column(heading)
            parts = [part for other in below if (part := column[other]) is not None]
            whole = column[at]
            if whole is not None and len(parts) == len(below):
                _check_sum(whole, parts, f"{row[0]}, {heading}")
                checked += 1
    return checked


def sequences(table: Table) -> int:
    """Check that a sequence is text, image and extra tokens: the same text in every row."""
    if not table.has("sequence", "image tokens"):
        return 0
    extra = ("extra tokens",) if table.has("extra tokens") else ()
    texts = {
        sequence.value - image.value - sum(number.value for number in added)
        for sequence, image, *added in table.numbers("sequence", "image tokens", *extra)
    }
    assert len(texts) == 1, f"texts of {texts}"
    (text,) = texts
    assert text >= 0
    if prompt := re.search(r"(\d+) text tokens", table.title):
        assert text == int(prompt[1])
    return len(table.rows)


def windows(table: Table) -> int:
    """Check what a sequence leaves of a window, its share, and how many images fit."""
    checked = 0
    for window, sequence, left in table.numbers("window", "sequence", "left"):
        assert left.value == window.value - sequence.value
        checked += 1
    for window, sequence, share in table.numbers("window", "sequence", "share"):
        assert share.meets(100 * sequence.value / window.value)
    if table.headings[0] == "window":
        for window, sequence, fit in table.numbers("window", "sequence", "fit"):
            assert fit.value == window.value // sequence.value
    for name, size in WINDOWS.items():
        for tokens, share in table.numbers("image tokens", f"of {name}"):
            assert share.meets(100 * tokens.value / size)
        for tokens, left in table.numbers("image tokens", f"left of {name}"):
            assert left.value == size - tokens.value
            checked += 1
    return checked


def tiles(table: Table) -> int:
    """Check that tiles of patches multiply to tokens, in rows and in the calculator's steps."""
    checked = 0
    for number, patches, tokens in table.numbers("tiles", "patches a tile", "image tokens"):
        assert number.value * patches.value == tokens.value
        checked += 1
    steps = {row[0].strip(): shown(row[1]) for row in table.rows if len(row) > 1}
    known = [step for name in ("tiles", "patches", "tokens") if (step := steps.get(name))]
    if len(known) == 3 and known[2].unit == "":
        assert known[0].value * known[1].value == known[2].value
        checked += 1
    return checked


def methods(table: Table) -> int:
    """Check the sums and ratios of compared methods."""
    checked = 0
    for parts in table.numbers("total FLOPs", "fuse FLOPs", "prefill FLOPs"):
        if "x" not in {part.unit for part in parts}:
            _check_sum(parts[0], parts[1:], "total FLOPs")
            checked += 1
    columns = ("compression", "tokens in", "image tokens", "context tokens")
    for ratio, before, image, context in table.numbers(*columns):
        assert ratio.meets(before.value / (image.value + context.value))
        checked += 1
    return checked


def counted_ways(table: Table) -> int:
    """Check that what is counted several ways is equal where the verdict says so."""
    checked = 0
    if table.has("closed form", "verdict"):
        for row in table.rows:
            values = {number.value for cell in row[1:-1] if (number := shown(cell)) is not None}
            assert (len(values) == 1) == (row[-1].strip() == "equal"), row
            checked += 1
    return checked


EACH_TABLE: tuple[Callable[[Table], int], ...] = (
    *(totals, trees, sequences, windows, tiles, methods, counted_ways),
)


def verdicts(text: str) -> int:
    """Check that verdicts sum to the figures or claims, and that these are the rows."""
    checked = 0
    rows = [row for table in tables(text) for row in table.rows if table.has("verdict", "why")]
    judged = 0
    for count, by_verdict in VERDICTS.findall(text):
        assert sum(map(int, re.findall(r"\d+", by_verdict))) == int(count)
        judged += int(count)
        checked += 1
    if judged:
        assert len(rows) == judged
    return checked


def distributions(text: str) -> int:
    """Check that a histogram has every image, and that the mean is the total's."""
    checked = 0
    images = []
    for table in tables(text):
        for number, mean, total in table.numbers("images", "mean", "total"):
            assert mean.meets(total.value / number.value)
            images.append(number.value)
    histograms = [table for table in tables(text) if table.has("from", "to")]
    for table, whole in zip(histograms, images, strict=True) if histograms else ():
        at = table.headings.index("images")
        assert sum(float(row[at].split()[0].replace(",", "")) for row in table.rows) == whole
        checked += 1
    return checked


def check_sums(text: str) -> int:
    """Hold a text to every sum that it shows; return how many that were."""
    in_tables = sum(rule(table) for table in tables(text) for rule in EACH_TABLE)
    return in_tables + verdicts(text) + distributions(text)


# Golden files that show no sum, and why.
WITHOUT_SUMS = {
    "compare_overview.txt": "totals alone; tests/test_sums.py holds them to those of compare.txt",
}


def has_no_sums(name: str) -> bool:
    """Return whether a golden file shows no sum: helps are words, others are listed."""
    return name.startswith("help") or name in WITHOUT_SUMS
