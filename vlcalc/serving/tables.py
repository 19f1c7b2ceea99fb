"""Latency, memory and devices as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from vlcalc.core import units
from vlcalc.inference.load import Load
from vlcalc.report.table import Column, Table
from vlcalc.serving.fit import DeviceFit, Holder
from vlcalc.serving.latency import Speed
from vlcalc.serving.memory import MemoryLayout, Reserve
from vlcalc.serving.notes import conditions, memory_notes, speed_notes
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.device_tables import marked
from vlcalc.spec.schema import ModelSpec

LATENCY = (
    Column("latency_s", "latency", "seconds"),
    Column("communication_s", "of it communication", "seconds", 4),
    Column("bound", "bound by", "text", 3),
)
SPEED = (Column("key", "speed", "text"), Column("value", "predicted", "text"))
MEMORY = (
    Column("memory", "memory of a device", "text"),
    Column("bytes", "bytes", "bytes"),
    Column("share", "share", "share", 4),
)
LIMITS = (
    Column("limit", "all else as asked, at most", "text"),
    Column("value", "fit"),
    Column("bound", "bound by", "text"),
)
HOLDERS = (
    Column("device", "device", "text"),
    Column("tp", "devices"),
    Column("memory_bytes", "memory of one", "decimal_bytes"),
    Column("left_bytes", "left on one", "bytes"),
)
OF_ANSWER = (
    Column("time_to_first_token_s", "to first token", "seconds"),
    Column("time_per_output_token_s", "per output token", "seconds", 5),
    Column("tokens_per_s", "tokens/s a sequence", "ratio", 4),
    Column("batch_tokens_per_s", "tokens/s", "ratio"),
)
OF_ENCODER = (
    Column("total_s", "the batch", "seconds"),
    Column("images_per_s", "images/s", "ratio"),
)
SOURCE = Column("source", "source", "text", 2)
HELD = (
    "{} of {} devices hold it, one of them or as few of 2, 4 and 8 as do. "
    "`vlcalc fit MODEL --device NAME` shows the memory of one."
)
MARKS = "`?` is from a weak source; `-` needs a peak in {}, or a link, that is not known."
LIMIT_TITLES = {
    "batch": "prompts in a batch",
    "images": "images in a prompt",
    "context": "positions of a prompt and its answer",
}


def with_latency(phases: Table, speed: Speed) -> Table:
    """Return a table of the four phases and their sum with what each takes."""
    columns = [LATENCY[0], *([LATENCY[1]] if speed.tp > 1 else []), LATENCY[2]]
    rows = [(*row, *cells) for row, cells in zip(phases.rows, _latency_cells(speed), strict=True)]
    return replace(phases, columns=(*phases.columns, *columns), rows=rows)


def _latency_cells(speed: Speed) -> Iterator[tuple[Any, ...]]:
    for phase in speed.phases:
        communication = (phase.communication_s,) if speed.tp > 1 else ()
        yield phase.latency_s, *communication, phase.bound
    yield speed.total_s, *((speed.communication_s,) if speed.tp > 1 else ()), None


def speed_table(speed: Speed) -> Table:
    """Return how fast a load is served."""
    rows = tuple(_speed_rows(speed))
    title = f"{_devices(speed.device, speed.tp)}, {speed.source}"
    return Table(SPEED, rows, title=title, notes=tuple(speed_notes(speed)))


def _speed_rows(speed: Speed) -> Iterator[tuple[str, str]]:
    seconds, rate = units.format_seconds, units.format_ratio
    if speed.answers:
        yield "time to first token", seconds(speed.time_to_first_token_s)
    if speed.num_decoded:
        yield "time per output token, mean", seconds(speed.time_per_output_token_s)
        yield "time per output token, the last", seconds(speed.last_step_s)
        yield "tokens per second, each sequence", rate(speed.tokens_per_s)
        if speed.load.batch_size > 1:
            yield "tokens per second, the batch", rate(speed.batch_tokens_per_s)
    if speed.encodes:
        yield "images encoded per second", rate(speed.images_per_s)
    if speed.tp > 1:
        yield (
            "communication before the first token",
            seconds(speed.phase("prefill").communication_s),
        )
        yield "communication per output token", seconds(speed.step_communication_s)
    yield "the whole answer" if speed.answers else "the whole batch", seconds(speed.total_s)


def _devices(device: DeviceSpec, tp: int) -> str:
    title = device.title or device.name
    return f"{tp} x {title}" if tp > 1 else title


def layout_table(fit: DeviceFit) -> Table:
    """Return the memory of one device: what lies in it, what is kept free, what is left."""
    layout, load = fit.layout, fit.speed.load
    rows = tuple(_layout_rows(layout, fit.reserve))
    spec = layout.inference.plan.spec
    title = f"{spec.name} on {_devices(layout.device, layout.tp)}"
    return Table(
        MEMORY,
        rows,
        title=f"{title}: {conditions(spec, load)}",
        notes=tuple(memory_notes(layout, fit.reserve)),
        alerts=frozenset() if fit.fits else frozenset({len(rows) - 2}),
    )


def _layout_rows(
    layout: MemoryLayout, reserve: Reserve
) -> Iterator[tuple[str, int | None, float | None]]:
    total = layout.memory_bytes
    left = layout.left_bytes
    sizes = [
        *layout.parts(),
        (f"kept free ({reserve})", layout.reserve_bytes),
        ("missing" if left is not None and left < 0 else "left", left),
        ("memory", total),
    ]
    for name, size in sizes:
        yield name, size, None if size is None else size / total


def limits_table(fit: DeviceFit) -> Table:
    """Return how much of the load fits, one number changed at a time."""
    rows = tuple((LIMIT_TITLES[limit.name], limit.value, limit.bound) for limit in fit.limits)
    return Table(LIMITS, rows)


def holders_table(
    spec: ModelSpec, load: Load, holders: Sequence[Holder], num_devices: int
) -> Table:
    """Return the devices that hold a load."""
    of_speed = OF_ANSWER if "language" in spec.components else OF_ENCODER
    rows = tuple(_holder_row(holder, of_speed) for holder in holders)
    notes = (HELD.format(len(holders), num_devices), MARKS.format(load.dtype))
    columns = (*HOLDERS, *of_speed, SOURCE)
    return Table(columns, rows, title=f"{spec.name}: {conditions(spec, load)}", notes=notes)


def _holder_row(holder: Holder, of_speed: Sequence[Column]) -> tuple[Any, ...]:
    layout, speed = holder.layout, holder.speed
    device = layout.device
    return (
        device.name,
        layout.tp,
        marked(device, "memory_bytes", layout.memory_bytes),
        layout.left_bytes,
        *(getattr(speed, column.key) for column in of_speed),
        speed.source,
    )


def figures_table(document: dict[str, Any]) -> Table:
    """Return a document as rows of path and value, for formats that hold one table."""
    columns = (Column("key", "key", "text"), Column("value", "value", "text"))
    return Table(columns, tuple(_flat("", document)))


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{path}.{key}" if path else key, item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            name = item.get("phase", number) if isinstance(item, dict) else number
            yield from _flat(f"{path}.{name}", item)
    else:
        yield path, value
