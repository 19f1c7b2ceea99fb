"""Claims of articles as data, each recomputed and judged.

`specs/claims/*.yaml` says what is claimed where, which recomputation gives the true value and how
the claim is read; no verdict is written there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from vlcalc.audit.recompute import RECOMPUTATIONS
from vlcalc.audit.verdict import Reading, Verdict, judge
from vlcalc.spec import catalogue
from vlcalc.spec.document import read_document
from vlcalc.spec.loader import validate
from vlcalc.tiling.base import Frozen

FOLDER = "claims"


class Claim(Frozen):
    """One statement of an article.

    Attributes:
        id: number of the document and of the claim in it.
        where: the part of the article.
        claim: what it says, in its words or nearly so.
        claimed: the same as figures, in a form that can be compared.
        truth: `compute:` with the name of a recomputation and its arguments, or parts of these.
        read: how a claim with several parts is read, see `vlcalc.audit.verdict`.
        about: the parts of the truth that it is about.
        note: why it is right or wrong: conditions, and what the article mistook; a part of the
            truth in braces, or `{true}`, stands for its value.
    """

    id: Annotated[str, Field(pattern=r"^\d{3}-\d{2}$")]
    where: str
    claim: str
    claimed: Any
    truth: Any
    read: Reading = "together"
    about: tuple[str, ...] = ()
    note: str = ""


class Article(Frozen):
    """A document and its claims.

    Attributes:
        document: its number.
        title: what it is called, or what it is about where its title is not known.
        source: where it is, as far as that is known.
        claims: what it says that can be computed.
    """

    document: Annotated[str, Field(pattern=r"^\d{3}$")]
    title: str
    source: str = ""
    claims: tuple[Claim, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A claim, its true value and the verdict."""

    article: Article
    claim: Claim
    true: Any
    verdict: Verdict

    @property
    def why(self) -> str:
        """The claim's note, with the parts of the true value that it names."""
        named = self.true if isinstance(self.true, Mapping) else {"true": self.true}
        return self.claim.note.format_map(named)


def articles() -> list[Article]:
    """Return every article of the catalogue with its claims, in order.

    Raises:
        SpecError: a file of claims is not valid.
    """
    files: list[Path] = sorted((catalogue.specs_folder() / FOLDER).glob("*.yaml"))
    return [validate(Article, read_document(path)) for path in files]


def answers() -> list[Answer]:
    """Return every claim of every article, recomputed and judged."""
    return [answer(article, claim) for article in articles() for claim in article.claims]


def answer(article: Article, claim: Claim) -> Answer:
    """Return one claim, recomputed and judged."""
    true = evaluate(claim.truth)
    claimed = evaluate(claim.claimed)
    verdict = judge(claimed, true, reading=claim.read, about=claim.about)
    return Answer(article=article, claim=claim, true=true, verdict=verdict)


def evaluate(expression: Any) -> Any:
    """Return the value of an expression of a claim's YAML.

    A mapping with `compute` names a recomputation, the other keys are its arguments, expressions
    themselves; other mappings and lists are evaluated part by part, and what is left is as it is.
    """
    if isinstance(expression, Mapping):
        values = {key: evaluate(part) for key, part in expression.items() if key != "compute"}
        if "compute" not in expression:
            return values
        RECOMPUTATIONS.names()  # a file of recomputations has several: all are imported
        return RECOMPUTATIONS.get(expression["compute"])(**values)
    if isinstance(expression, Sequence) and not isinstance(expression, str):
        return tuple(evaluate(item) for item in expression)
    return expression
