"""The phases of a load as a saved run timed their pieces, in place of what is predicted of them.

What the run did not time is as predicted on the same device, where that is asked for, else unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from vlcalc.core.errors import InputError
from vlcalc.core.known import sum_known
from vlcalc.inference.blocks.block import Phase
from vlcalc.inference.load import Load
from vlcalc.inference.pieces import WHOLE_PREFILL, Piece, conditions_of, pieces
from vlcalc.inference.plan import make_plan
from vlcalc.runs.run import Environment, Measured, Run
from vlcalc.serving.latency import Served, Speed, serve, speed
from vlcalc.serving.saved_rows import check_device, check_load, rows_of
from vlcalc.serving.times import PhaseLatency, Times
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.schema import ModelSpec

Source = Literal["measured", "modelled", "calibrated"]
SOURCES: tuple[Source, ...] = get_args(Source)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedPart:
    """What one piece takes in a phase; None is unknown.

    Attributes:
        name: the component.
        num_runs: how often the phase runs it.
        num_layers: how many equal layers one of them stands for; 1 where nothing is repeated.
        latency_s: of all runs.
        source: where that is from; None where it is not known.
    """

    name: str
    num_runs: float
    num_layers: int
    latency_s: float | None = None
    source: Source | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed(Times):
    """What the phases of a load take by the clock; None is unknown.

    Attributes:
        environment: what they were timed on.
        parts: of each phase; None where it is not known what it runs.
        predicted: what stands in for what was not timed, where that was asked for.
        errors: why components that were tried have no time.
    """

    environment: Environment
    parts: Mapping[Phase, tuple[TimedPart, ...] | None]
    predicted: Speed | None
    errors: Mapping[str, str]

    def sources(self, *phases: Phase) -> tuple[Source, ...]:
        """Return where what these phases take is from, measurements first."""
        sources = {part.source for part in self._parts(phases)}
        return tuple(source for source in SOURCES if source in sources)

    def repeats(self, phase: Phase) -> tuple[int, ...]:
        """Return the numbers of layers for each of which one was timed."""
        timed_layers = [part for part in self._parts([phase]) if part.source == "measured"]
        return tuple(part.num_layers for part in timed_layers if part.num_layers > 1)

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """The pieces that were not timed."""
        parts = self._parts(tuple(self.parts))
        return tuple(part.name for part in parts if part.source != "measured")

    def _parts(self, phases: Sequence[Phase]) -> list[TimedPart]:
        return [part for phase in phases for part in self.parts[phase] or ()]


def timed(
    spec: ModelSpec, load: Load, run: Run, device: DeviceSpec | None = None, *, where: str = ""
) -> Timed:
    """Return what a load takes a model by a saved run.

    Args:
        spec: the model.
        load: the request.
        run: of the model's components.
        device: what to predict on what was not timed; the one that was timed. Needs torch.
        where: what names the run in errors.

    Raises:
        InputError: the run is of another model, load or device, or has no time.
        RefusedError: the model's processor refuses such an image.
    """
    check_load(load, where)
    if device is not None:
        check_device(device, run.environment, where)
    plan = make_plan(spec, load)
    rows = rows_of(run, conditions_of(spec, load, plan), where)
    prediction = None
    if device is not None:
        served = serve(spec, load)
        prediction = PredictedLoad(served, speed(served, device))
    by_phase = pieces(plan, whole_prefill=_has_time(rows, WHOLE_PREFILL))
    parts = {
        phase: None if own is None else tuple(_parts(phase, own, rows, prediction, where))
        for phase, own in by_phase.items()
    }
    return Timed(
        load=load,
        num_decoded=plan.num_decoded,
        phases=tuple(_latency(phase, own, prediction) for phase, own in parts.items()),
        environment=run.environment,
        parts=parts,
        predicted=prediction and prediction.speed,
        errors={row.target: row.error for row in rows.values() if row.error},
    )


class PredictedLoad(NamedTuple):
    """What a device is predicted to take, and the operators of it."""

    served: Served
    speed: Speed


def _has_time(rows: Mapping[str, Measured], name: str) -> bool:
    return name in rows and rows[name].median_s is not None


def _parts(
    phase: Phase,
    phase_pieces: Sequence[Piece],
    rows: Mapping[str, Measured],
    prediction: PredictedLoad | None,
    where: str,
) -> Iterator[TimedPart]:
    """Yield what each piece takes, once for all its runs in the phase."""
    for name in dict.fromkeys(piece.name for piece in phase_pieces):
        alike = [piece for piece in phase_pieces if piece.name == name]
        num_runs = sum(piece.num_runs for piece in alike)
        latency_s, source = _measured_s(alike[0], rows, where), SOURCES[0]
        if latency_s is not None:
            latency_s *= float(num_runs)
        elif prediction is not None:
            blocks = [at for piece in alike for at in piece.blocks]
            latency_s, source = _predicted_s(phase, blocks, prediction), prediction.speed.source
        yield TimedPart(
            name=name,
            num_runs=float(num_runs),
            num_layers=alike[0].num_layers,
            latency_s=latency_s,
            source=None if latency_s is None else source,
        )


def _measured_s(piece: Piece, rows: Mapping[str, Measured], where: str) -> float | None:
    """Return the seconds of one run; None where it has no time."""
    row = rows.get(piece.name)
    if row is None or row.median_s is None:
        return None
    if piece.flops is not None and row.flops is not None and piece.flops != row.flops:
        raise InputError(
            expected=f"{piece.flops:,} FLOPs in {piece.name}, as the model has them now",
            got=f"{row.flops:,}",
            where=where,
            hint="measure again",
        )
    return row.median_s


def _predicted_s(
    phase: Phase, blocks: Sequence[tuple[int, int]], prediction: PredictedLoad
) -> float | None:
    """Return the predicted seconds of all runs of some blocks."""
    from vlcalc.cost.roofline import predict_operators

    served, device = prediction.served, prediction.speed.device
    inference = served.inference
    passes = inference.phase(phase).passes or ()
    seconds = []
    for number, at in blocks:
        num_runs, cost = passes[number].num_runs, passes[number].blocks[at]
        one_s = predict_operators(cost.operators, device, dtype=inference.plan.load.dtype).latency_s
        seconds.append(one_s and float(num_runs) * cost.block.num_repeats * one_s)
    return sum_known(seconds)


def _latency(
    phase: Phase, parts: Sequence[TimedPart] | None, prediction: PredictedLoad | None
) -> PhaseLatency:
    """Return what a phase takes; one that was not timed at all is as predicted."""
    if parts is None:
        return PhaseLatency(phase=phase)
    if prediction and not any(part.source == "measured" for part in parts):
        return prediction.speed.phase(phase)
    return PhaseLatency(phase=phase, latency_s=sum_known(part.latency_s for part in parts))
