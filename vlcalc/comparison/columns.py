"""The columns of a comparison: key, title, unit, value; ratios to a baseline; the unbeaten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vlcalc.comparison.methods import Comparison
from vlcalc.core.errors import InputError, near_miss
from vlcalc.core.install import install_hint
from vlcalc.report.columns import Columns, Metric, cells, metric
from vlcalc.report.table import Column, Table

METRICS: tuple[Metric[Comparison], ...] = (
    metric("method", "method", lambda c: c.method.name, "text"),
    metric("taxonomy", "taxonomy", lambda c: c.method.fusion.taxonomy, "text", 4),
    metric("num_params", "params", lambda c: c.num_params),
    metric("llm_share", "of LLM", lambda c: c.llm_share, "share", 6),
    metric("visual_tokens_in", "tokens in", lambda c: c.visual_tokens_in, priority=5),
    metric("image_tokens", "image tokens", lambda c: c.image_tokens),
    metric("context_tokens", "context tokens", lambda c: c.context_tokens, priority=7),
    metric("compression", "compression", lambda c: c.compression, "ratio", 5),
    metric("sequence_length", "sequence", lambda c: c.sequence_length, priority=6),
    metric("window_share", "of window", lambda c: c.window_share, "share", 5),
    metric("fuse_flops", "fuse FLOPs", lambda c: c.fuse_flops, "flops", 8),
    metric("prefill_flops", "prefill FLOPs", lambda c: c.prefill_flops, "flops", 7),
    metric("total_flops", "total FLOPs", lambda c: c.total_flops, "flops"),
    metric("kv_cache_bytes", "KV cache", lambda c: c.kv_cache_bytes, "bytes", 8),
    metric("weight_bytes", "weights", lambda c: c.weight_bytes, "bytes", 4),
    metric(
        "peak_activation_bytes", "peak activations", lambda c: c.peak_activation_bytes, "bytes", 7
    ),
    metric("llm_modified", "LLM modified", lambda c: _yes(c.method.fusion.llm_modified), "text", 3),
    metric("token_effect", "tokens are", lambda c: c.method.fusion.token_effect, "text", 2),
    metric("spatial_detail", "spatial detail", lambda c: c.method.fusion.spatial_detail, "text", 3),
    metric("used_by", "used by", lambda c: ", ".join(c.method.used_by) or None, "text", 1),
    metric("source", "source", lambda c: None if c.error else "exact", "text", reader="machines"),
    metric(
        "activation_source",
        "activation source",
        lambda c: None if c.peak_activation_bytes is None else "counted",
        "text",
        reader="machines",
    ),
    metric("error", "error", lambda c: c.error or None, "text", reader="machines"),
)
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
    "all": tuple(each.column.key for each in METRICS),
}
# Shown to people where no columns are asked for; machines get all.
DEFAULT = (
    *("method", "taxonomy", "num_params", "llm_share", "visual_tokens_in", "image_tokens"),
    *("context_tokens", "compression", "sequence_length", "window_share", "fuse_flops"),
    *("prefill_flops", "total_flops", "kv_cache_bytes", "weight_bytes", "peak_activation_bytes"),
    *("llm_modified", "spatial_detail", "used_by"),
)
COLUMNS = Columns(METRICS, groups=GROUPS, default=DEFAULT)
CONVENTION = (
    "FLOPs are 2 per multiply-accumulate of matrix products, convolutions and attention; causal "
    "attention in full; logits of the last position. Parameters, tokens and FLOPs are exact."
)
ACTIVATIONS_KEY = "peak_activation_bytes"
ACTIVATIONS = "Peak activations are counted on the meta device for the {} attention backend."
NO_TORCH = "Peak activations need torch: {}."


def _yes(value: bool) -> str:  # noqa: FBT001
    return "yes" if value else "no"


def criteria(keys: Sequence[str], known: Columns[Comparison]) -> list[str]:
    """Return the keys of the columns that rows are held against each other in.

    Raises:
        InputError: an unknown one, or one that is no number.
    """
    columns = [known.named(key.removeprefix("-"), where="--pareto").column for key in keys]
    for column in columns:
        if column.unit == "text":
            raise InputError(expected="columns of numbers", got=f"`{column.key}`", where="--pareto")
    return [column.key for column in columns]


def pareto(
    rows: Sequence[Comparison], keys: Sequence[str], *, known: Columns[Comparison] = COLUMNS
) -> frozenset[int]:
    """Return the numbers of the rows that no other beats: smaller is better, larger with `-`.

    Args:
        rows: what was compared.
        keys: of the columns that count.
        known: the columns that there are.

    Raises:
        InputError: as `criteria`.
    """
    criteria(keys, known)
    points = [_point(row, keys, known) for row in rows]
    return frozenset(
        i
        for i, point in enumerate(points)
        if point is not None
        and not any(_beats(other, point) for other in points if other is not None)
    )


def _point(
    row: Comparison, keys: Sequence[str], known: Columns[Comparison]
) -> tuple[float, ...] | None:
    values = []
    for key in keys:
        value = known.named(key.removeprefix("-")).value(row)
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
    known: Columns[Comparison] = COLUMNS,
    baseline: str | None = None,
    unbeaten: frozenset[int] | None = None,
    title: str = "",
    attention: str = "flash",
    notes: Sequence[str] = (),
) -> Table:
    """Return the table of a comparison.

    Args:
        rows: what was compared.
        columns: keys and groups of keys.
        known: the columns that there are.
        baseline: name of the method that every figure is shown as a ratio to.
        unbeaten: rows to mark as beaten by none.
        title: what the table shows.
        attention: backend that peak activations were counted for.
        notes: what else a reader must know.

    Raises:
        InputError: an unknown column, or a baseline that is not among the rows.
    """
    metrics = known.chosen(columns)
    values = cells(metrics, rows)
    shown = tuple(each.column for each in metrics)
    if baseline is not None:
        shown, values = _as_ratios(shown, values, rows, baseline)
    if unbeaten is not None:
        shown = (*shown, Column("pareto", "unbeaten", "text"))
        values = [(*row, "*" if i in unbeaten else None) for i, row in enumerate(values)]
    notes = [CONVENTION, *notes]
    if any(each.column.key == ACTIVATIONS_KEY for each in metrics):
        counted = any(row.peak_activation_bytes is not None for row in rows)
        notes.append(ACTIVATIONS.format(attention) if counted else NO_TORCH.format(install_hint()))
    notes += [f"{row.method.name}: {row.error}" for row in rows if row.error]
    alerts = frozenset(i for i, row in enumerate(rows) if row.error)
    return Table(shown, values, title=title, notes=tuple(notes), alerts=alerts)


def check_baseline(baseline: str, names: Sequence[str]) -> None:
    """Refuse a baseline that is not among the names of compared methods; raises InputError."""
    if baseline not in names:
        raise InputError(
            expected="the name of a compared method",
            got=f"`{baseline}`",
            where="--baseline",
            hint=near_miss(baseline, names) or "compared: " + ", ".join(names),
        )


def _as_ratios(
    columns: tuple[Column, ...],
    values: list[tuple[Any, ...]],
    rows: Sequence[Comparison],
    baseline: str,
) -> tuple[tuple[Column, ...], list[tuple[Any, ...]]]:
    names = [row.method.name for row in rows]
    check_baseline(baseline, names)
    base = values[names.index(baseline)]
    ratios = [
        tuple(_ratio(column, *pair) for column, *pair in zip(columns, row, base, strict=True))
        for row in values
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
