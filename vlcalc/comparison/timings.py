"""A saved run's timings beside what methods cost: matched on method and setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vlcalc.comparison.methods import Comparison, Setting
from vlcalc.core.errors import InputError
from vlcalc.runs.pairs import find_row
from vlcalc.runs.run import Conditions, Run


def with_timings(
    rows: Sequence[Comparison], setting: Setting, run: Run, *, where: str = ""
) -> list[Comparison]:
    """Return the rows with what a run timed of them in the same setting.

    Raises:
        InputError: it timed none of the methods in this setting.
    """
    wanted = setting.conditions
    found = [
        replace(row, measured=find_row(run.rows, row.method.name, wanted, "method")) for row in rows
    ]
    if not any(row.measured for row in found):
        raise InputError(
            expected=f"a run that timed one of these methods at {_words(wanted)}",
            got="none",
            where=where,
            hint=_hint(run, {row.method.name for row in rows}),
        )
    return found


def _words(conditions: Conditions) -> str:
    return (
        f"{conditions.tokens_in} visual tokens, {conditions.text_tokens} text tokens, batch "
        f"{conditions.batch_size}, {conditions.dtype} on {conditions.vision} and "
        f"{conditions.language}"
    )


def _hint(run: Run, names: set[str]) -> str:
    """Return on what the run timed one of the methods, else which it timed."""
    for row in run.rows:
        if row.kind == "method" and row.target in names:
            return f"it timed `{row.target}` at {_words(row.conditions)}"
    timed = dict.fromkeys(row.target for row in run.rows if row.kind == "method")
    return "it timed " + (", ".join(timed) or "no method")


def timing_notes(rows: Sequence[Comparison], run: Run) -> list[str]:
    """Return where the timings are from, and which rows have none."""
    machine = run.environment
    notes = [f"Latency and peak memory are measured, on {machine.date}: {machine.summary}."]
    missing = [row.method.name for row in rows if row.measured is None and not row.error]
    if missing:
        notes.append(f"Not timed in this setting: {', '.join(missing)}.")
    notes += [
        f"{row.method.name} was not timed: {row.measured.error}"
        for row in rows
        if row.measured and row.measured.error
    ]
    return notes
