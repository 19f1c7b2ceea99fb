"""Two timed runs side by side: which rows belong together, and what their difference is worth."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vlcalc.core.errors import InputError
from vlcalc.report.table import Column, Table
from vlcalc.runs.run import Conditions, Environment, Measured, Run

AGAINST = (
    Column("target", "target", "text"),
    Column("model", "model", "text", reader="machines"),
    Column("image", "image", "text", 6),
    Column("tokens_in", "tokens in", "text", 5),
    Column("batch_size", "batch", priority=6),
    Column("dtype", "dtype", "text", 6),
    Column("median_s", "median", "seconds"),
    Column("saved_median_s", "saved median", "seconds"),
    Column("latency_ratio", "ratio", "times"),
    Column("beyond_spread", "beyond spread", "text"),
    Column("peak_bytes", "peak memory", "bytes", 8),
    Column("saved_peak_bytes", "saved peak", "bytes", 7),
    Column("memory_ratio", "memory ratio", "times", 7),
)
SPREAD = (
    "Ratios are this run over the saved one. A difference is beyond the spread where the medians "
    "lie further apart than half the sum of both IQRs."
)

THREADS = "number of threads"


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of this run and the saved row of the same case; None where one has no such case."""

    now: Measured | None
    then: Measured | None

    @property
    def either(self) -> Measured:
        """The row that is there, this run's before the saved one."""
        row = self.now or self.then
        assert row is not None
        return row

    @property
    def latency_ratio(self) -> float | None:
        """This run's median over the saved one."""
        if self.now and self.then and self.now.median_s and self.then.median_s:
            return self.now.median_s / self.then.median_s
        return None

    @property
    def memory_ratio(self) -> float | None:
        """This run's peak memory over the saved one."""
        if self.now and self.then and self.now.peak_bytes and self.then.peak_bytes:
            return self.now.peak_bytes / self.then.peak_bytes
        return None

    @property
    def beyond_spread(self) -> bool | None:
        """Whether the medians lie further apart than half the sum of both IQRs."""
        if self.latency_ratio is None or self.now is None or self.then is None:
            return None
        apart_s = abs((self.now.median_s or 0) - (self.then.median_s or 0))
        return apart_s > ((self.now.iqr_s or 0) + (self.then.iqr_s or 0)) / 2


def differences(now: Environment, then: Environment) -> Iterator[tuple[str, str, str]]:
    """Yield (name, now, saved) of what makes two runs incomparable: device, dtype, threads."""
    yield from (
        (name, ours, theirs)
        for name, ours, theirs in (
            ("device", now.device_name, then.device_name),
            ("kind of device", now.device, then.device),
            ("dtype", ", ".join(sorted(now.dtypes)), ", ".join(sorted(then.dtypes))),
            (THREADS, str(now.threads), str(then.threads)),
        )
        if ours != theirs and (name != THREADS or now.device == then.device == "cpu")
    )


def check_comparable(now: Environment, saved: Environment, *, where: str = "") -> None:
    """Refuse a saved run of another device, dtype or number of threads.

    Raises:
        InputError: the first of them that differs.
    """
    for name, ours, theirs in differences(now, saved):
        raise InputError(
            expected=f"a saved run of this {name}, {ours}",
            got=theirs,
            where=where,
            hint="`--force` compares them all the same",
        )


def pairs_of(now: Run, saved: Run) -> list[Pair]:
    """Return the rows of two runs, those of one case together, in the order of this run.

    Where each run has one dtype, and they differ, dtypes do not keep rows apart.
    """
    dtypes = {now.environment.dtypes, saved.environment.dtypes}
    any_dtype = len(dtypes) > 1 and all(len(each) == 1 for each in dtypes)
    ours = {_key(row, any_dtype=any_dtype): row for row in now.rows}
    theirs = {_key(row, any_dtype=any_dtype): row for row in saved.rows}
    return [Pair(ours.get(key), theirs.get(key)) for key in {**ours, **theirs}]


def _key(row: Measured, *, any_dtype: bool) -> Hashable:
    conditions = row.conditions.model_dump()
    if any_dtype:
        del conditions["dtype"]
    return row.kind, row.target, tuple(conditions.values())


def find_row(
    rows: Sequence[Measured], target: str, conditions: Conditions, kind: str
) -> Measured | None:
    """Return the row of a case; None where it was not timed.

    The image is not part of what is looked for: what the encoder sees follows from the grid.
    """
    wanted = conditions.model_copy(update={"image": ""})
    for row in rows:
        own = row.conditions.model_copy(update={"image": ""})
        if (row.kind, row.target, own) == (kind, target, wanted):
            return row
    return None


def against_table(run: Run, saved: Run, pairs: Sequence[Pair]) -> Table:
    """Return two runs side by side."""
    rows = [_pair_row(pair) for pair in pairs]
    notes = [SPREAD, f"Saved on {saved.environment.date}: {saved.environment.summary}."]
    for name, ours, theirs in differences(run.environment, saved.environment):
        notes.append(f"The {name} differs: {ours} now, {theirs} saved.")
    changed = frozenset(at for at, pair in enumerate(pairs) if pair.beyond_spread)
    title = "This run against the saved one"
    return Table(AGAINST, rows, title=title, notes=tuple(notes), alerts=changed)


def _pair_row(pair: Pair) -> tuple[Any, ...]:
    now, then, conditions = pair.now, pair.then, pair.either.conditions
    return (
        pair.either.target,
        conditions.model or None,
        conditions.image or None,
        conditions.tokens_in,
        conditions.batch_size,
        conditions.dtype,
        now and now.median_s,
        then and then.median_s,
        pair.latency_ratio,
        {True: "yes", False: "no", None: None}[pair.beyond_spread],
        now and now.peak_bytes,
        then and then.peak_bytes,
        pair.memory_ratio,
    )
