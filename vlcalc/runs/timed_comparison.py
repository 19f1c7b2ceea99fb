"""What a saved run timed of compared methods: rows, columns and notes that are added to theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from vlcalc.comparison import columns as untimed
from vlcalc.comparison.methods import Comparison
from vlcalc.comparison.setting import Setting
from vlcalc.core.errors import InputError
from vlcalc.report.columns import Columns, Metric, metric
from vlcalc.report.table import Unit
from vlcalc.runs.pairs import find_row
from vlcalc.runs.run import Conditions, Measured, Run


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedComparison(Comparison):
    """What one method costs, beside what it took.

    Attributes:
        measured: its row of the run; None where the run does not have the method.
    """

    measured: Measured | None = None


def setting_conditions(setting: Setting) -> Conditions:
    """Return a setting in the words of a saved run; it does not know the image it came from."""
    return Conditions(
        vision=setting.vision.name,
        language=setting.language.name,
        columns=setting.columns,
        rows=setting.rows,
        num_views=setting.num_views,
        text_tokens=setting.text_tokens,
        batch_size=setting.batch_size,
        dtype=setting.dtype,
    )


def timed_rows(
    rows: Sequence[Comparison], setting: Setting, run: Run, *, where: str = ""
) -> list[TimedComparison]:
    """Return the rows with what a run timed of them in the same setting.

    Raises:
        InputError: it timed none of the methods in this setting.
    """
    conditions = setting_conditions(setting)
    timed = [_timed_row(row, conditions, run) for row in rows]
    if not any(row.measured for row in timed):
        raise InputError(
            expected=f"a run that timed one of these methods at {_words(conditions)}",
            got="none",
            where=where,
            hint=_hint(run, {row.method.name for row in rows}),
        )
    return timed


def _timed_row(row: Comparison, conditions: Conditions, run: Run) -> TimedComparison:
    costs = {field.name: getattr(row, field.name) for field in fields(Comparison)}
    measured = find_row(run.rows, row.method.name, conditions, "method")
    return TimedComparison(**costs, measured=measured)


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


def timing_notes(rows: Sequence[TimedComparison], run: Run) -> list[str]:
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


def _timing(
    key: str, title: str, value: Callable[[Measured], Any], unit: Unit, priority: int = 6
) -> Metric[Comparison]:
    def value_of(row: Comparison) -> Any:
        measured = row.measured if isinstance(row, TimedComparison) else None
        return measured and value(measured)

    return metric(key, title, value_of, unit, priority)


TIMINGS = (
    _timing("latency_s", "latency", lambda row: row.median_s, "seconds", 9),
    _timing("latency_iqr_s", "IQR", lambda row: row.iqr_s, "seconds", 5),
    _timing("images_per_s", "images/s", lambda row: row.images_per_s, "ratio", 5),
    _timing("peak_bytes", "peak memory", lambda row: row.peak_bytes, "bytes", 8),
    _timing(
        "latency_source", "latency source", lambda row: "measured" if row.median_s else None, "text"
    ),
)
TIMING_KEYS = tuple(timing.column.key for timing in TIMINGS)
TIMED_COLUMNS = Columns(
    (*untimed.METRICS, *TIMINGS),
    groups={
        **untimed.GROUPS,
        "timings": ("method", *TIMING_KEYS),
        "all": (*untimed.GROUPS["all"], *TIMING_KEYS),
    },
    default=("method", *TIMING_KEYS, *untimed.DEFAULT[1:]),
)
