"""The columns of a timed run, how far its predictions are off, and two runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vlcalc.report.columns import Columns, Metric, cells, metric
from vlcalc.report.table import Column, Reader, Table, Unit
from vlcalc.runs.accuracy import by_target, overall
from vlcalc.runs.run import Conditions, Measured, Run


def _of_conditions(
    key: str,
    title: str,
    value: Callable[[Conditions], Any],
    priority: int = 9,
    reader: Reader = "both",
) -> Metric[Measured]:
    unit: Unit = "count" if key in COUNTS else "text"
    return metric(key, title, lambda row: value(row.conditions), unit, priority, reader=reader)


COUNTS = ("columns", "rows", "num_views", "text_tokens", "batch_size")
METRICS: tuple[Metric[Measured], ...] = (
    metric("target", "target", lambda r: r.target, "text"),
    metric("kind", "kind", lambda r: r.kind, "text", reader="machines"),
    _of_conditions("model", "model", lambda c: c.model or None),
    _of_conditions("vision", "vision", lambda c: c.vision or None, reader="machines"),
    _of_conditions("language", "language", lambda c: c.language or None, reader="machines"),
    _of_conditions("image", "image", lambda c: c.image or None),
    _of_conditions("tokens_in", "tokens in", lambda c: c.tokens_in),
    _of_conditions("columns", "columns", lambda c: c.columns, reader="machines"),
    _of_conditions("rows", "rows", lambda c: c.rows, reader="machines"),
    _of_conditions("num_views", "views", lambda c: c.num_views, reader="machines"),
    _of_conditions("text_tokens", "text", lambda c: c.text_tokens, reader="machines"),
    _of_conditions("batch_size", "batch", lambda c: c.batch_size),
    _of_conditions("dtype", "dtype", lambda c: c.dtype),
    metric("median_s", "median", lambda r: r.median_s, "seconds"),
    metric("iqr_s", "IQR", lambda r: r.iqr_s, "seconds", 5),
    metric("min_s", "min", lambda r: r.min_s, "seconds", 4),
    metric("num_runs", "runs", lambda r: r.num_runs or None, priority=2),
    metric("noisy", "noisy", lambda r: r.noisy if r.median_s else None, "text", reader="machines"),
    metric("flops", "FLOPs", lambda r: r.flops, "flops", 3),
    metric("flops_per_s", "FLOP/s", lambda r: r.flops_per_s, "flops_per_s", 6),
    metric("flops_share", "MFU", lambda r: r.flops_share, "share", 7),
    metric("moved_bytes", "bytes moved", lambda r: r.moved_bytes, "bytes", reader="machines"),
    metric("bytes_per_s", "bytes/s", lambda r: r.bytes_per_s, "bytes_per_s", 2),
    metric("bandwidth_share", "of bandwidth", lambda r: r.bandwidth_share, "share", 6),
    metric("images_per_s", "images/s", lambda r: r.images_per_s, "ratio", 5),
    metric("predicted_s", "predicted", lambda r: r.predicted_s, "seconds", 8),
    metric("latency_error", "error", lambda r: r.latency_error, "share"),
    metric("peak_bytes", "peak memory", lambda r: r.peak_bytes, "bytes"),
    metric("predicted_bytes", "predicted memory", lambda r: r.predicted_bytes, "bytes", 7),
    metric("memory_error", "memory error", lambda r: r.memory_error, "share", 8),
    metric(
        "peak_activation_bytes", "activations", lambda r: r.peak_activation_bytes, "bytes", 1
    ),
    metric(
        "predicted_activation_bytes",
        "predicted activations",
        lambda r: r.predicted_activation_bytes,
        "bytes",
        1,
    ),
    metric("activation_error", "activation error", lambda r: r.activation_error, "share", 7),
    metric("source", "source", lambda r: "measured" if r.median_s else None, "text",
           reader="machines"),
    metric("prediction", "prediction", lambda r: r.prediction, "text", reader="machines"),
    metric("error", "error", lambda r: r.error or None, "text", reader="machines"),
)  # fmt: skip
# People see them where they differ from row to row; the title has them where they do not.
CONDITIONS = {
    "model": "{}",
    "image": "image {}",
    "tokens_in": "{} visual tokens",
    "batch_size": "batch {}",
    "dtype": "{}",
}
CASE = ("target", *CONDITIONS)
GROUPS = {
    "latency": (
        *(*CASE, "median_s", "iqr_s", "min_s", "num_runs", "predicted_s", "latency_error"),
    ),
    "throughput": (
        *(*CASE, "median_s", "flops", "flops_per_s", "flops_share", "bytes_per_s"),
        *("bandwidth_share", "images_per_s"),
    ),
    "memory": (
        *(*CASE, "peak_bytes", "predicted_bytes", "memory_error", "peak_activation_bytes"),
        *("predicted_activation_bytes", "activation_error"),
    ),
    "all": tuple(each.column.key for each in METRICS),
}
DEFAULT = (
    *(*CASE, "median_s", "iqr_s", "min_s"),
    *("num_runs", "flops_per_s", "flops_share", "bandwidth_share", "images_per_s"),
    *("predicted_s", "latency_error", "peak_bytes", "predicted_bytes", "memory_error"),
    "activation_error",
)
COLUMNS = Columns(METRICS, groups=GROUPS, default=DEFAULT)
ERRORS = (
    "Errors are predicted over measured, less 1. Peak memory is weights, one set of inputs and "
    "activations; what the device's context and the workspace of its libraries take is not in it."
)


def run_table(run: Run, *, columns: Sequence[str] | None = None) -> Table:
    """Return a row for each case of a run.

    Raises:
        InputError: an unknown column.
    """
    shown = COLUMNS.chosen(columns)
    named = set(columns or ())
    shown = tuple(
        each if each.column.key in named else _for_readers(each, run.rows) for each in shown
    )
    failed = frozenset(at for at, row in enumerate(run.rows) if row.error or row.noisy)
    return Table(
        tuple(each.column for each in shown),
        cells(shown, run.rows),
        title=title_of(run),
        notes=tuple(_notes(run)),
        alerts=failed,
    )


def _for_readers(each: Metric[Measured], rows: Sequence[Measured]) -> Metric[Measured]:
    """Return a metric for machines alone where all rows have the same condition."""
    same = len({each.value(row) for row in rows}) <= 1
    return each.for_machines() if same and each.column.key in CONDITIONS else each


def title_of(run: Run) -> str:
    """Return where a run was timed, and on what where that is the same for all rows."""
    same = []
    for key, words in CONDITIONS.items():
        values = {COLUMNS.named(key).value(row) for row in run.rows}
        if len(values) == 1 and None not in values:
            same.append(words.format(*values))
    return ", ".join([run.environment.summary, *same])


def _notes(run: Run) -> Iterator[str]:
    environment = run.environment
    yield f"Measured on {environment.date} with vlcalc {environment.vlcalc}. {ERRORS}"
    if environment.peaks is None:
        yield (
            "No peaks of this device are known, so nothing is predicted of its latency: "
            "`vlcalc devices calibrate` measures them."
        )
    if environment.compiled:
        yield "Modules were compiled; what is predicted is for those that are not."
    if environment.device == "cpu" and set(environment.dtypes) - {"float32"}:
        yield (
            "In 16 bits a CPU's library lays weights and activations out anew inside its products; "
            "what that takes is measured and not predicted."
        )
    if run.interrupted:
        yield "Interrupted: the cases that were not timed are missing."
    if noisy := ", ".join(row.target for row in run.rows if row.noisy):
        yield f"Noisy, the quartiles further apart than 10 % of the median: {noisy}."
    for accuracy in overall(run.rows):
        yield accuracy.sentence
    yield from dict.fromkeys(f"{row.target}: {row.error}" for row in run.rows if row.error)


SUMMARY = (
    Column("quantity", "predicted", "text"),
    Column("target", "target", "text"),
    Column("num_cases", "cases"),
    Column("mape", "mean absolute error", "share"),
    Column("median", "median absolute error", "share"),
    Column("bias", "bias", "share"),
)


def summary_table(rows: Sequence[Measured]) -> Table | None:
    """Return how far predictions are off by target and overall; None where no target comes twice.

    Targets with a single case say nothing that the rows do not.
    """
    repeated = [each for each in by_target(rows) if each.num_cases > 1]
    if not repeated:
        return None
    accuracies = [*repeated, *overall(rows)]
    return Table(
        SUMMARY,
        [(a.quantity, a.target, a.num_cases, a.mape, a.median, a.bias) for a in accuracies],
        title="How far predictions are off",
    )
