"""The claims of the founding articles: recomputed, and judged as the facts judge them."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from vlcalc.audit import claims_tables
from vlcalc.audit.claims import Answer, Article, answer, answers, articles, evaluate
from vlcalc.audit.recompute import RECOMPUTATIONS
from vlcalc.spec import catalogue

from .facts import VIEWS, WORDS

DATA = Path(__file__).parents[1] / "data" / "reference_modules.json"
FACTS: dict[str, dict[str, Any]] = {
    claim["id"]: claim for claim in json.loads(DATA.read_text(encoding="utf-8"))["claims"]
}
ANSWERS: dict[str, Answer] = {each.claim.id: each for each in answers()}
# Quoted, not computed: what was said of a training, scores, and arithmetic on inputs not on record.
QUOTED = {"001-15", "001-27", "004-04", "004-08"}


def same(ours: Any, fact: Any) -> bool:
    """Tell whether all of a fact is in ours: floats to the digits that the fact has of them."""
    if isinstance(fact, dict):
        return isinstance(ours, dict) and all(same(ours[name], fact[name]) for name in fact)
    if isinstance(fact, list):
        return len(ours) == len(fact) and all(map(same, ours, fact))
    if isinstance(fact, float) and not isinstance(ours, str):
        return bool(ours == pytest.approx(fact, rel=2e-7, abs=5e-7))
    return bool(ours == fact)


def test_every_claim_is_there() -> None:
    assert list(ANSWERS) == list(FACTS)
    assert len(ANSWERS) == 96


@pytest.mark.parametrize("number", FACTS)
def test_the_claim_is_quoted_as_it_was_made(number: str) -> None:
    fact, claim = FACTS[number], ANSWERS[number].claim
    assert (claim.claim, claim.where) == (fact["claim"], fact["where"])
    assert ANSWERS[number].article.document == fact["document"]


@pytest.mark.parametrize("number", FACTS)
def test_verdict(number: str) -> None:
    assert ANSWERS[number].verdict == FACTS[number]["verdict"]


@pytest.mark.parametrize("number", [number for number in FACTS if number not in WORDS])
def test_true_value(number: str) -> None:
    ours = VIEWS.get(number, lambda true: true)(ANSWERS[number].true)
    assert same(ours, FACTS[number]["true"])


@pytest.mark.parametrize("number", WORDS)
def test_true_value_that_the_facts_have_in_words(number: str) -> None:
    words, true = WORDS[number]
    assert re.search(words, str(FACTS[number]["true"]))
    ours = json.loads(json.dumps(ANSWERS[number].true))
    assert ours == (FACTS[number]["true"] if true is None else true)


def test_the_verdicts_in_all() -> None:
    counts = Counter(each.verdict for each in ANSWERS.values())
    assert counts == {"right": 61, "wrong": 24, "approximate": 11}


def test_what_is_wrong_or_approximate_says_why() -> None:
    silent = {n for n, each in ANSWERS.items() if each.verdict != "right" and not each.why}
    assert silent == {"001-27"}  # its true value is the reason


def test_compression_is_answered_with_its_conditions() -> None:
    """81x without text; with 50 text tokens 30.2x, and the whole prompt 5.6x."""
    compression = ANSWERS["001-21"]
    ratios = [each["attention_ratio"] for each in compression.true.values()]
    assert ratios == pytest.approx([81, 30.1536, 3.6397], rel=1e-5)
    for said in ("81x only without text", "30.2x", "5.6x", "2.4%", "3.6x", "1.9x"):
        assert said in compression.why


def test_only_what_cannot_be_computed_is_quoted() -> None:
    quoted = set()
    for number, each in ANSWERS.items():
        named = _computations(each.claim.truth)
        assert named, f"{number} computes nothing"
        if named & {"stated", "gains"}:
            quoted.add(number)
    assert quoted == QUOTED


def test_every_recomputation_is_used() -> None:
    used = {
        name
        for each in ANSWERS.values()
        for block in (each.claim.truth, each.claim.claimed)
        for name in _computations(block)
    }
    assert used == set(RECOMPUTATIONS.names())


def _computations(expression: Any) -> set[str]:
    if isinstance(expression, dict):
        here = {expression["compute"]} if "compute" in expression else set()
        return here.union(*(_computations(each) for each in expression.values()))
    if isinstance(expression, tuple):
        return set().union(*(_computations(each) for each in expression))
    return set()


def test_no_literal_stands_for_a_true_value() -> None:
    """Every leaf of a truth is an argument of a recomputation."""
    assert len(ANSWERS) == 96
    for each in ANSWERS.values():
        assert not _bare_leaves(each.claim.truth), each.claim.id


def _bare_leaves(expression: Any) -> list[Any]:
    if isinstance(expression, dict):
        if "compute" in expression:
            return []
        return [leaf for each in expression.values() for leaf in _bare_leaves(each)]
    if isinstance(expression, tuple):
        return [leaf for each in expression for leaf in _bare_leaves(each)]
    return [expression]


@pytest.mark.parametrize(
    ("number", "old", "new", "verdict"),
    [
        ("001-48", "px: 336", "px: 392", "wrong"),
        ("001-07", "llava-1.5-7b-mlp", "llava-1.5-13b-mlp", "wrong"),
        ("001-02", "vicuna-7b-v1.5", "vicuna-13b-v1.5", "wrong"),
        ("001-60", "qwen-vl-7b", "clip-vit-l-14", "wrong"),
        ("001-42", "1.5", "0.5", "wrong"),
    ],
)
def test_another_subject_gives_another_answer(
    number: str, old: str, new: str, verdict: str
) -> None:
    each = ANSWERS[number]
    truth = _replaced(each.claim.truth, old, new)
    assert truth != each.claim.truth
    changed = answer(each.article, each.claim.model_copy(update={"truth": truth}))
    assert changed.true != each.true
    assert changed.verdict == verdict


def _replaced(truth: Any, old: str, new: str) -> Any:
    return _tuples(json.loads(json.dumps(truth).replace(*_as_json(old, new))))


def _as_json(old: str, new: str) -> tuple[str, str]:
    if old.startswith("px: "):
        return f'"px": {old[4:]}', f'"px": {new[4:]}'
    return (f" {old}", f" {new}") if old[0].isdigit() else (f'"{old}"', f'"{new}"')


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def test_expressions_nest() -> None:
    halves = {"compute": "ratio", "of": {"compute": "product", "of": (3, 4)}, "to": 24}
    assert evaluate(halves) == 0.5
    assert evaluate({"a": halves, "b": (1, "x", None)}) == {"a": 0.5, "b": (1, "x", None)}


def test_ids_are_in_order_and_of_their_document() -> None:
    assert len(articles()) > 1
    for article in articles():
        numbers = [claim.id for claim in article.claims]
        assert numbers == [f"{article.document}-{n:02}" for n in range(1, len(numbers) + 1)]
        assert (catalogue.specs_folder() / "claims" / f"{article.document}.yaml").is_file()


def test_tables_hold_all_claims() -> None:
    every = list(ANSWERS.values())
    people = claims_tables.claims_for_people(every)
    assert [len(list(table.rows)) for table in people] == [4, 60, 7, 4, 21]
    assert "61 right, 11 approximate, 24 wrong" in people[-1].notes[0]
    nested = list(claims_tables.claims_for_machines(every, nested=True).rows)
    flat = list(claims_tables.claims_for_machines(every, nested=False).rows)
    assert json.loads(flat[0][6]) == list(nested[0][6])
    assert not any(isinstance(cell, dict | list | tuple) for row in flat for cell in row)


def test_no_claim_of_a_verdict_is_an_empty_table() -> None:
    (table,) = claims_tables.claims_for_people([])
    assert table.notes == ("No claim has that verdict.",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20_979_712, "20,979,712"),
        (14.0625, "14.0625"),
        ([1, 50, 4096], "[1, 50, 4096]"),
        ({"clip": "late", "has_gate": True}, "clip late; has gate yes"),
        ([[0.5, 0], [1, 2]], "[[0.5, 0], [1, 2]]"),
        (False, "no"),
    ],
)
def test_how_a_true_value_reads(value: Any, text: str) -> None:
    assert claims_tables.value_text(value) == text


def test_an_article_says_where_it_is() -> None:
    by_number: dict[str, Article] = {article.document: article for article in articles()}
    assert list(by_number) == ["000", "001", "002", "003", "004"]
    assert all(article.title for article in by_number.values())
