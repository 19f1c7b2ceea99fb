"""The columns of a comparison: key, title, unit, value; ratios to a baseline; the unbeaten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vlcalc.comparison import Comparison
from vlcalc.errors import InputError, near_miss
from vlcalc.table import Column, Reader, Table, Unit


@dataclass(frozen=True, slots=True)
class Metric:
    """One column and how its value follows from a row."""

    column: Column
    value: Callable[[Comparison], Any]


def _metric(
    key: str,
    title: str,
    value: Callable[[Comparison], Any],
    unit: Unit = "count",
    priority: int = 9,
    *,
    reader: Reader = "both",
) -> Metric:
    return Metric(Column(key, title, unit, priority, reader), value)


METRICS = (
    _metric("method", "method", lambda c: c.method.name, "text"),
    _metric("taxonomy", "taxonomy", lambda c: c.method.fusion.taxonomy, "text", 4),
    _metric("num_params", "params", lambda c: c.num_params),
    _metric("llm_share", "of LLM", lambda c: c.llm_share, "share", 6),
    _metric("visual_tokens_in", "tokens in", lambda c: c.visual_tokens_in, priority=5),
    _metric("image_tokens", "image tokens", lambda c: c.image_tokens),
    _metric("context_tokens", "context tokens", lambda c: c.context_tokens, priority=7),
    _metric("compression", "compression", lambda c: c.compression, "ratio", 5),
    _metric("sequence_length", "sequence", lambda c: c.sequence_length, priority=6),
    _metric("window_share", "of window", lambda c: c.window_share, "share", 5),
    _metric("fuse_flops", "fuse FLOPs", lambda c: c.fuse_flops, "flops", 8),
    _metric("prefill_flops", "prefill FLOPs", lambda c: c.prefill_flops, "flops", 7),
    _metric("total_flops", "total FLOPs", lambda c: c.total_flops, "flops"),
    _metric("kv_cache_bytes", "KV cache", lambda c: c.kv_cache_bytes, "bytes", 8),
    _metric("weight_bytes", "weights", lambda c: c.weight_bytes, "bytes", 4),
    _metric(
        "peak_activation_bytes", "peak activations", lambda c: c.peak_activation_bytes, "bytes", 7
    ),
    _metric(
        "llm_modified", "LLM modified", lambda c: _yes(c.method.fusion.llm_modified), "text", 3
    ),
    _metric("token_effect", "tokens are", lambda c: c.method.fusion.token_effect, "text", 2),
    _metric(
        "spatial_detail", "spatial detail", lambda c: c.method.fusion.spatial_detail, "text", 3
    ),
    _metric("used_by", "used by", lambda c: ", ".join(c.method.used_by) or None, "text", 1),
    _metric("source", "source", lambda c: None if c.error else "exact", "text", reader="machines"),
    _metric(
        "activation_source",
        "activation source",
        lambda c: None if c.peak_activation_bytes is None else "counted",
        "text",
        reader="machines",
    ),
    _metric("error", "error", lambda c: c.error or None, "text", reader="machines"),
)
BY_KEY = {metric.column.key: metric for metric in METRICS}
GROUPS = {
    "overview": (
        *("method", "taxonomy", "num_params", "image_tokens", "context_tokens", "total_flops"),
        *("llm_modified", "token_effect", "spatial_detail", "used_by"),
    ),
    "tokens": (
        *("method", "visual_tokens_in", "image_tokens", "context_tokens", "compression"),
        *("sequence_length", "window_share"),
    ),
    "compute": ("method", "num_params", "fuse_flops", "prefill_flops", "total_flops"),
    "memory": ("method", "weight_bytes", "kv_cache_bytes", "peak_activation_bytes"),
    "all": tuple(BY_KEY),
}
# Shown to people where no columns are asked for; machines get all.
DEFAULT = (
    *("method", "taxonomy", "num_params", "llm_share", "visual_tokens_in", "image_tokens"),
    *("context_tokens", "compression", "sequence_length", "window_share", "fuse_flops"),
    *("prefill_flops", "total_flops", "kv_cache_bytes", "weight_bytes", "peak_activation_bytes"),
    *("llm_modified", "spatial_detail", "used_by"),
)
CONVENTION = (
    "FLOPs are 2 per multiply-accumulate of matrix products, convolutions and attention; causal "
    "attention in full; logits of the last position. Parameters, tokens and FLOPs are exact."
)
ACTIVATIONS_KEY = "peak_activation_bytes"
ACTIVATIONS = "Peak activations are counted on the meta device for the {} attention backend."
NO_TORCH = "Peak activations need torch: pip install 'vlcalc[torch]'."


def _yes(value: bool) -> str:  # noqa: FBT001
    return "yes" if value else "no"


def metric_of(key: str, *, where: str = "") -> Metric:
    """Return the metric of a key.

    Raises:
        InputError: there is none; the nearest is suggested.
    """
    if key not in BY_KEY:
        known = [*BY_KEY, *GROUPS]
        hint = near_miss(key, known) or "known: " + ", ".join(known)
        raise InputError(expected="the key of a column", got=f"`{key}`", where=where, hint=hint)
    return BY_KEY[key]


def metrics_of(keys: Sequence[str] | None) -> tuple[Metric, ...]:
    """Return the metrics of keys and groups of keys; those for people by default.

    Raises:
        InputError: an unknown key.
    """
    if keys is None:
        machines = [key for key in BY_KEY if key not in DEFAULT]
        chosen = [BY_KEY[key] for key in DEFAULT]
        return (*chosen, *(_for_machines(BY_KEY[key]) for key in machines))
    names = [name for key in keys for name in GROUPS.get(key, (key,))]
    return tuple(metric_of(name, where="--columns") for name in dict.fromkeys(names))


def _for_machines(metric: Metric) -> Metric:
    return Metric(replace(metric.column, reader="machines"), metric.value)


def sorted_rows(rows: Sequence[Comparison], key: str) -> list[Comparison]:
    """Return rows sorted by a metric, largest first with `-` before its key; unknown last.

    Raises:
        InputError: there is no such metric.
    """
    value = metric_of(key.removeprefix("-"), where="--sort").value
    known = [row for row in rows if value(row) is not None]
    unknown = [row for row in rows if value(row) is None]
    return sorted(known, key=value, reverse=key.startswith("-")) + unknown


def pareto(rows: Sequence[Comparison], keys: Sequence[str]) -> frozenset[int]:
    """Return the numbers of the rows that no other beats: smaller is better, larger with `-`.

    Raises:
        InputError: an unknown metric, or one that is no number.
    """
    points = [_point(row, keys) for row in rows]
    return frozenset(
        i
        for i, point in enumerate(points)
        if point is not None
        and not any(_beats(other, point) for other in points if other is not None)
    )


def _point(row: Comparison, keys: Sequence[str]) -> tuple[float, ...] | None:
    values = []
    for key in keys:
        metric = metric_of(key.removeprefix("-"), where="--pareto")
        if metric.column.unit == "text":
            raise InputError(expected="columns of numbers", got=f"`{key}`", where="--pareto")
        value = metric.value(row)
        if value is None:
            return None
        values.append(-value if key.startswith("-") else value)
    return tuple(values)


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def comparison_table(
    rows: Sequence[Comparison],
    *,
    columns: Sequence[str] | None = None,
    baseline: str | None = None,
    unbeaten: frozenset[int] | None = None,
    title: str = "",
    attention: str = "flash",
) -> Table:
    """Return the table of a comparison.

    Args:
        rows: what was compared.
        columns: keys and groups of keys.
        baseline: name of the method that every figure is shown as a ratio to.
        unbeaten: rows to mark as beaten by none.
        title: what the table shows.
        attention: backend that peak activations were counted for.

    Raises:
        InputError: an unknown column, or a baseline that is not among the rows.
    """
    metrics = metrics_of(columns)
    cells = [tuple(metric.value(row) for metric in metrics) for row in rows]
    shown = tuple(metric.column for metric in metrics)
    if baseline is not None:
        shown, cells = _as_ratios(shown, cells, rows, baseline)
    if unbeaten is not None:
        shown = (*shown, Column("pareto", "unbeaten", "text"))
        cells = [(*row, "*" if i in unbeaten else None) for i, row in enumerate(cells)]
    notes = [CONVENTION]
    if any(metric.column.key == ACTIVATIONS_KEY for metric in metrics):
        counted = any(row.peak_activation_bytes is not None for row in rows)
        notes.append(ACTIVATIONS.format(attention) if counted else NO_TORCH)
    notes += [f"{row.method.name}: {row.error}" for row in rows if row.error]
    alerts = frozenset(i for i, row in enumerate(rows) if row.error)
    return Table(shown, cells, title=title, notes=tuple(notes), alerts=alerts)


def _as_ratios(
    columns: tuple[Column, ...],
    cells: list[tuple[Any, ...]],
    rows: Sequence[Comparison],
    baseline: str,
) -> tuple[tuple[Column, ...], list[tuple[Any, ...]]]:
    names = [row.method.name for row in rows]
    if baseline not in names:
        hint = near_miss(baseline, names) or "compared: " + ", ".join(names)
        raise InputError(
            expected="the name of a compared method",
            got=f"`{baseline}`",
            where="--baseline",
            hint=hint,
        )
    base = cells[names.index(baseline)]
    ratios = [
        tuple(_ratio(column, *pair) for column, *pair in zip(columns, row, base, strict=True))
        for row in cells
    ]
    return tuple(_ratio_column(column) for column in columns), ratios


def _ratio(column: Column, value: Any, base: Any) -> Any:
    if column.unit == "text":
        return value
    return None if value is None or not base else value / base


def _ratio_column(column: Column) -> Column:
    if column.unit == "text":
        return column
    return replace(column, key=f"{column.key}_ratio", unit="times")
