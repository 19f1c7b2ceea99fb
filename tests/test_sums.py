"""Every golden file and every README block is held to its sums, and sums that are off are seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import readme
from tests.sums import WITHOUT_SUMS, check_sums, has_no_sums, tables

GOLDEN = Path(__file__).parent / "golden"
# README commands whose output shows no sum, and why.
NO_SUMS_IN_README = {
    "printf": "writes a file",
    "vlcalc tokens --model qwen2.5-vl --sizes sizes.csv --each": "rows alone",
    "vlcalc compare": "totals without their parts, or ratios; golden/compare.txt has the parts",
    "vlcalc inspect llava-1.5-7b --stage": "lines of a JSON document",
    "vlcalc audit --claims": "rows of some verdicts, cut",
    "vlcalc fit ./my-vlm.yaml": "the end of it",
    "vlcalc inspect vision:": "one phase",
    "vlcalc import": "a YAML file",
    "vlcalc devices": "figures of devices",
    "vlcalc specs validate": "a word",
}


def outputs() -> Iterator[tuple[str, str]]:
    """Yield the README's commands and what it shows of each."""
    for block in readme.blocks("console"):
        for shown in re.split(r"(?m)^\$ ", block)[1:]:
            command, _, output = shown.partition("\n")
            yield command, output


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.name)
def test_every_golden_file_keeps_its_sums(path: Path) -> None:
    assert bool(check_sums(path.read_text(encoding="utf-8"))) != has_no_sums(path.name)


def test_those_without_sums_are_there() -> None:
    assert all((GOLDEN / name).is_file() for name in WITHOUT_SUMS)


@pytest.mark.parametrize(("command", "output"), list(outputs()), ids=lambda value: value[:60])
def test_every_output_of_the_readme_keeps_its_sums(command: str, output: str) -> None:
    has_sums = not any(command.startswith(words) for words in NO_SUMS_IN_README)
    assert bool(check_sums(output)) == has_sums


def test_the_overview_repeats_the_whole_comparison() -> None:
    overview, whole = (
        next(tables((GOLDEN / name).read_text(encoding="utf-8")))
        for name in ("compare_overview.txt", "compare.txt")
    )
    shared = [heading for heading in overview.headings if heading in whole.headings]
    assert {"method", "params", "image tokens", "context tokens", "total FLOPs"} <= set(shared)
    assert len(overview.rows) == len(whole.rows) == 10
    for ours, theirs in zip(overview.rows, whole.rows, strict=True):
        for heading in shared:
            one = ours[overview.headings.index(heading)].strip()
            assert one == theirs[whole.headings.index(heading)].strip()


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("compare.txt", "8.34 T", "8.36 T"),
        ("compare.txt", " 194 ", " 195 "),
        ("compare.txt", "18.0", "18.1"),
        ("tokens_explain.txt", "total         1,948", "total         1,949"),
        ("tokens_explain.txt", "tokens        1,344", "tokens        1,343"),
        ("tokens_models.txt", "2,693", "2,692"),
        ("tokens_models.txt", "125,307", "125,306"),
        ("tokens_models.txt", "7.04 %", "7.05 %"),
        ("tokens_reference.txt", "1,152", "1,153"),
        ("tokens_reference.txt", "-1,664", "-1,665"),
        ("tokens_reference.txt", "98.44 %", "98.45 %"),
        ("tokens_res_672_tiles_4.txt", "tokens    11,520", "tokens    11,521"),
        ("tokens_res_672_tiles_4.txt", "119,552    11", "119,552    12"),
        ("tokens_sizes.txt", " 3,426       10", " 3,426       11"),
        ("tokens_sizes.txt", "75,557", "75,597"),
        ("audit_llava.txt", "2 different", "3 different"),
        ("audit_claims.txt", "61 right", "62 right"),
    ],
)
def test_a_sum_that_is_off_is_seen(name: str, right: str, wrong: str) -> None:
    text = (GOLDEN / name).read_text(encoding="utf-8")
    assert right in text
    with pytest.raises(AssertionError):
        check_sums(text.replace(right, wrong, 1))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("25.71 T", "25.75 T"),
        ("1.37 TiB            -         329.29 MiB", "1.37 TiB            -         329.28 MiB"),
        ("752,640", "752,641"),
        ("1,776,359,440", "1,776,359,441"),
        ("8.40 GiB", "8.42 GiB"),
        ("59.42 GiB", "59.52 GiB"),
        ("24,159,191,040          24,159,191,040", "24,159,191,040          24,159,191,041"),
    ],
)
def test_a_sum_of_the_readme_that_is_off_is_seen(right: str, wrong: str) -> None:
    (output,) = (output for _, output in outputs() if right in output)
    with pytest.raises(AssertionError):
        check_sums(output.replace(right, wrong, 1))
