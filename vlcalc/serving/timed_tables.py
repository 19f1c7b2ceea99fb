"""Timed phases as tables and as a document; each figure says where it is from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from vlcalc.core import units
from vlcalc.inference.blocks.block import PHASES, Phase
from vlcalc.report.table import Column, Table
from vlcalc.serving.notes import speed_notes
from vlcalc.serving.timed import Source, Timed

LATENCY = Column("latency_s", "latency", "seconds")
BOUND = Column("bound", "bound by", "text", 3)
SOURCE = Column("latency_source", "source", "text", 2)
SPEED = (
    Column("key", "speed", "text"),
    Column("value", "time or rate", "text"),
    Column("source", "source", "text"),
)
BEFORE_ANSWER: tuple[Phase, ...] = ("encode", "fuse", "prefill")


class SpeedRow(NamedTuple):
    """A figure, how it is shown, and the phases that it follows from."""

    name: str
    value: float | None
    shown: Callable[[float | None], str]
    phases: tuple[Phase, ...]


def with_timed_phases(phases: Table, timed: Timed) -> Table:
    """Return a table of the four phases and their sum with what each takes, and by what."""
    columns = (LATENCY, *((BOUND,) if timed.predicted else ()), SOURCE)
    cells = []
    for each in timed.phases:
        bound = (each.bound,) if timed.predicted else ()
        cells.append((each.latency_s, *bound, phase_source(timed, each.phase)))
    no_bound = (None,) if timed.predicted else ()
    total_source = _joined(timed.sources(*PHASES)) if timed.total_s is not None else None
    cells.append((timed.total_s, *no_bound, total_source))
    rows = [(*row, *cell) for row, cell in zip(phases.rows, cells, strict=True)]
    return replace(phases, columns=(*phases.columns, *columns), rows=rows)


def phase_source(timed: Timed, phase: Phase) -> str | None:
    """Return where what a phase takes is from: `measured x 32` where one of 32 layers was timed.

    None where that is not known.
    """
    if timed.phase(phase).latency_s is None:
        return None
    repeats = " and ".join(str(number) for number in timed.repeats(phase))
    measured = f"measured x {repeats}" if repeats else "measured"
    return _joined(timed.sources(phase), measured=measured)


def _joined(sources: tuple[Source, ...], *, measured: str = "measured") -> str | None:
    return " + ".join(measured if each == "measured" else each for each in sources) or None


def timed_table(timed: Timed) -> Table:
    """Return how fast a load is served."""
    rows = tuple(
        (name, shown(value), None if value is None else _joined(timed.sources(*phases)))
        for name, value, shown, phases in _speed_rows(timed)
    )
    machine = timed.environment
    title = f"{machine.device_name}, measured on {machine.date}"
    return Table(SPEED, rows, title=title, notes=tuple(timed_notes(timed)))


def _speed_rows(timed: Timed) -> Iterator[SpeedRow]:
    seconds, rate = units.format_seconds, units.format_ratio
    yield SpeedRow("time to first token", timed.time_to_first_token_s, seconds, BEFORE_ANSWER)
    if timed.num_decoded:
        decode: tuple[Phase, ...] = ("decode",)
        yield SpeedRow("time per output token", timed.time_per_output_token_s, seconds, decode)
        yield SpeedRow("tokens per second, each sequence", timed.tokens_per_s, rate, decode)
        if timed.load.batch_size > 1:
            yield SpeedRow("tokens per second, the batch", timed.batch_tokens_per_s, rate, decode)
    if timed.encodes:
        yield SpeedRow("images encoded per second", timed.images_per_s, rate, ("encode",))
    yield SpeedRow("the whole answer", timed.total_s, seconds, PHASES)


def timed_notes(timed: Timed) -> Iterator[str]:
    """Yield what was timed where, what stands for what, and what was not timed."""
    machine = timed.environment
    yield f"Measured on {machine.date}: {machine.summary}. Each component ran by itself."
    if any(timed.repeats(phase) for phase in PHASES):
        yield "Of equal layers one was timed; `x N` says for how many of them it stands."
    if timed.num_decoded > 1 and "measured" in timed.sources("decode"):
        yield "A decoded token was timed at the first one's context; later ones are taken as equal."
    if missing := ", ".join(name for name in timed.unmeasured if name not in timed.errors):
        rest = "as predicted" if timed.predicted else "with `--device` it is predicted"
        yield f"Not timed: {missing}; {rest}."
    for name, error in timed.errors.items():
        yield f"{name} was not timed: {error}"
    if timed.predicted:
        yield from speed_notes(timed.predicted)


def timed_document(timed: Timed) -> dict[str, Any]:
    """Return timed phases in seconds, with their sources; None is unknown."""
    return {
        "device": timed.environment.device_name,
        "predicted_on": timed.predicted and timed.predicted.device.name,
        "environment": timed.environment.model_dump(),
        "source": _joined(timed.sources(*PHASES)) if timed.total_s is not None else None,
        "time_to_first_token_s": timed.time_to_first_token_s,
        "time_per_output_token_s": timed.time_per_output_token_s,
        "tokens_per_s": timed.tokens_per_s,
        "batch_tokens_per_s": timed.batch_tokens_per_s,
        "images_per_s": timed.images_per_s,
        "total_s": timed.total_s,
        "phases": [
            {
                "phase": each.phase,
                "latency_s": each.latency_s,
                "bound": each.bound,
                "source": phase_source(timed, each.phase),
                "parts": [asdict(part) for part in timed.parts[each.phase] or ()],
            }
            for each in timed.phases
        ],
        "notes": list(timed_notes(timed)),
    }
