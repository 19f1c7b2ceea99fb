"""One rule for all claims: right, approximate or wrong.

A figure is right when it is the true one (as printed, where the claim rounds), approximate within
10 %, else wrong; a statement is right or wrong. Of a claim with several parts the worst decides. A
claim that is read as `cases` is right in all of them, or approximate where it is right in some or
near in all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from vlcalc.audit.precision import is_near, same_as_printed

Verdict = Literal["right", "approximate", "wrong"]
Reading = Literal["together", "cases"]
ORDER: tuple[Verdict, ...] = ("right", "approximate", "wrong")
# How a claimed figure may be read, other than as it stands.
FORMS = ("rounded", "near", "below", "above", "between")


def judge(
    claimed: Any, true: Any, *, reading: Reading = "together", about: Sequence[str] = ()
) -> Verdict:
    """Return the verdict on a claim.

    Args:
        claimed: a figure, a form of one (`rounded: 42_000_000`), a list, or parts by name.
        true: what we compute, of the same shape; or by name, where one figure is claimed of each.
        reading: how parts that are true by name are read.
        about: the parts that the claim is about, all by default; the others are told beside it.
    """
    if not isinstance(true, Mapping):
        return _judge_value(claimed, true)
    named = claimed if _is_parts(claimed) else dict.fromkeys(about or true, claimed)
    verdicts = [judge(figure, true[name]) for name, figure in named.items()]
    return _in_cases(verdicts) if reading == "cases" else _worst(verdicts)


def _judge_value(claimed: Any, true: Any) -> Verdict:
    if isinstance(claimed, Mapping):
        (form,) = claimed
        return _judge_form(form, claimed[form], true)
    if isinstance(claimed, Sequence) and not isinstance(claimed, str):
        if len(claimed) != len(true):
            return "wrong"
        return _worst([judge(theirs, ours) for theirs, ours in zip(claimed, true, strict=True)])
    if claimed == true:
        return "right"
    figures = _is_figure(claimed) and _is_figure(true)
    return "approximate" if figures and is_near(true, claimed) else "wrong"


def _judge_form(form: str, stated: Any, true: Any) -> Verdict:
    if form in ("rounded", "near"):
        if form == "rounded" and same_as_printed(true, stated):
            return "right"
        return "approximate" if is_near(true, stated) else "wrong"
    holds = {
        "below": lambda: true < stated,
        "above": lambda: true > stated,
        "between": lambda: stated[0] <= true <= stated[1],
    }[form]()
    return "right" if holds else "wrong"


def _is_parts(claimed: Any) -> bool:
    return isinstance(claimed, Mapping) and not (len(claimed) == 1 and set(claimed) <= set(FORMS))


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    return max(verdicts, key=ORDER.index)


def _in_cases(verdicts: Sequence[Verdict]) -> Verdict:
    if set(verdicts) == {"right"}:
        return "right"
    return "approximate" if "right" in verdicts or "wrong" not in verdicts else "wrong"
