"""Claims as tables: one an article for people, all in one for machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from vlcalc.audit.claims import Answer
from vlcalc.audit.verdict import FORMS, ORDER
from vlcalc.core.units import format_count, format_number
from vlcalc.report.table import Column, Table

PEOPLE = (
    Column("id", "id", "text"),
    Column("claim", "claim", "text"),
    Column("true_value", "true value", "text"),
    Column("verdict", "verdict", "text"),
    Column("why", "why", "text"),
)
MACHINES = (
    Column("id", "id", "text"),
    Column("document", "document", "text"),
    Column("title", "title", "text"),
    Column("where", "where", "text"),
    Column("claim", "claim", "text"),
    Column("claimed", "claimed", "text"),
    Column("true_value", "true value", "text"),
    Column("verdict", "verdict", "text"),
    Column("read", "read", "text"),
    Column("why", "why", "text"),
    Column("source", "source", "text"),
)
RULE = (
    "Right: the true value, to the digits that were printed. Approximate: within 10 %, or right in "
    "some of the cases that it was claimed of. Wrong: all else."
)


def claims_for_people(answers: Sequence[Answer]) -> list[Table]:
    """Return a table for each article, its name on top."""
    by_article = groupby(answers, key=lambda answer: answer.article.document)
    tables = [_of_article(list(group)) for _, group in by_article]
    if not tables:
        return [Table(PEOPLE, (), "Claims", ("No claim has that verdict.",))]
    last = tables[-1]
    notes = (*last.notes, _summary(answers), RULE)
    return [*tables[:-1], Table(last.columns, last.rows, last.title, notes, last.alerts)]


def claims_for_machines(answers: Sequence[Answer], *, nested: bool) -> Table:
    """Return all claims with all that is known of them.

    Args:
        answers: the claims.
        nested: whether values of several parts stay as they are; as JSON text where not.
    """
    rows = [_machine_row(answer, nested=nested) for answer in answers]
    return Table(MACHINES, rows, "Claims", (_summary(answers), RULE))


def _summary(answers: Sequence[Answer]) -> str:
    """Say how many claims have which verdict."""
    counts = Counter(answer.verdict for answer in answers)
    by_verdict = [f"{counts[verdict]} {verdict}" for verdict in ORDER if counts[verdict]]
    return f"{len(answers)} claims: {', '.join(by_verdict)}."


def _of_article(answers: list[Answer]) -> Table:
    article = answers[0].article
    rows = [
        (
            answer.claim.id,
            answer.claim.claim,
            value_text(_compared(answer)),
            answer.verdict,
            answer.why or None,
        )
        for answer in answers
    ]
    alerts = frozenset(i for i, answer in enumerate(answers) if answer.verdict == "wrong")
    return Table(PEOPLE, rows, f"{article.document}: {article.title}", (), alerts)


def _machine_row(answer: Answer, *, nested: bool) -> tuple[Any, ...]:
    article, claim = answer.article, answer.claim
    claimed, true = claim.claimed, answer.true
    if not nested:
        claimed, true = _flat(claimed), _flat(true)
    return (
        *(claim.id, article.document, article.title, claim.where, claim.claim),
        *(claimed, true, answer.verdict, claim.read, answer.why or None, article.source or None),
    )


def _flat(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, Mapping | list | tuple) else value


def _compared(answer: Answer) -> Any:
    """Return the true value without the parts that are told beside it alone."""
    return _parts(answer.true, answer.claim.claimed, answer.claim.about)


def _parts(true: Any, claimed: Any, about: Sequence[str]) -> Any:
    if isinstance(true, Mapping):
        parts = isinstance(claimed, Mapping) and not set(claimed) & {*FORMS, "compute"}
        named = claimed if parts else dict.fromkeys(about or true, claimed)
        return {name: _parts(true[name], figure, ()) for name, figure in named.items()}
    lists = isinstance(true, list | tuple) and isinstance(claimed, list | tuple)
    if lists and len(true) == len(claimed):
        return [_parts(ours, theirs, ()) for ours, theirs in zip(true, claimed, strict=True)]
    return true


def _item_text(value: Any) -> str:
    """Write an item of a list, where a comma is between items and not inside a number."""
    return str(value) if isinstance(value, int) else value_text(value)


def value_text(value: Any) -> str:
    """Write a true value in a line: parts by name, lists in brackets, numbers short."""
    if isinstance(value, Mapping):
        parts = (f"{name.replace('_', ' ')} {value_text(part)}" for name, part in value.items())
        return "; ".join(parts)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_item_text(item) for item in value)}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return format_count(value)
    return format_number(value) if isinstance(value, float) else str(value)
