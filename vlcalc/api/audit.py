"""`vlcalc.audit` and `vlcalc.audit_claims`: figures and claims that others printed, beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlcalc.api.argument import Argument
from vlcalc.api.arguments import require_torch
from vlcalc.audit import claims_tables, published, published_tables
from vlcalc.audit.published import PublishedFigure
from vlcalc.audit.verdict import ORDER
from vlcalc.core.errors import InputError, near_miss
from vlcalc.report.report import Report

if TYPE_CHECKING:
    from vlcalc.audit.claims import Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedFigures:
    """Published figures beside ours, of one spec or of `all`."""

    name: str
    figures: Sequence[PublishedFigure]

    def report(self) -> Report:
        """Return a row for each figure, those of a spec together."""
        several = self.name == "all"
        title = "All published figures" if several else f"Published figures of {self.name}"
        return Report(
            tables=published_tables.figures_for_people(self.figures, title=title, several=several),
            machines=published_tables.figures_for_machines(self.figures, title=title),
        )


def audit(name: str = "all", *, only: Sequence[str] | None = None) -> PublishedFigures:
    """Hold published figures against ours: equal, within their rounding, or different and why.

    Args:
        name: a model, a fusion preset, the path of a YAML file, or `all`.
        only: verdicts to keep; all by default.

    Raises:
        InputError: nothing answers to the name, or there is no such verdict.
        SpecError: the spec is not valid.
    """
    verdicts = _verdicts(only, published.VERDICTS)
    kept = [figure for figure in published.audited_figures(name) if figure.verdict in verdicts]
    return PublishedFigures(name=name, figures=kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedClaims:
    """Claims of the founding articles, each with the true value and a verdict."""

    answers: Sequence[Answer]

    def report(self, *, nested: bool) -> Report:
        """Return a row for each claim.

        Args:
            nested: whether machines get values of several parts as such, not as text.
        """
        return Report(
            tables=claims_tables.claims_for_people(self.answers),
            machines=claims_tables.claims_for_machines(self.answers, nested=nested),
        )


def audit_claims(*, only: Sequence[str] | None = None) -> JudgedClaims:
    """Judge the claims of the founding articles; needs torch, which runs the modules.

    Args:
        only: verdicts to keep; all by default.

    Raises:
        InputError: there is no such verdict, or torch is missing.
    """
    verdicts = _verdicts(only, ORDER)
    require_torch("runs the modules that claims are about")
    from vlcalc.audit.claims import answers

    return JudgedClaims(answers=[answer for answer in answers() if answer.verdict in verdicts])


def _verdicts(only: Sequence[str] | None, known: tuple[str, ...]) -> Sequence[str]:
    """Return the verdicts to keep; raises InputError for one that there is not."""
    if only is None:
        return known
    verdicts = [name.strip().replace("-", " ") for name in only]
    for verdict in verdicts:
        if verdict not in known:
            raise InputError(
                expected="verdicts, of " + ", ".join(f"`{name}`" for name in known),
                got=f"`{verdict}`",
                where=Argument("only"),
                hint=near_miss(verdict, known),
            )
    return verdicts
