"""`vlcalc.inspect` and its parts: a model in its four phases, or one fusion method in full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlcalc.api.argument import Argument
from vlcalc.api.arguments import AnyRun, AnySize, can_trace, require_torch, run_of
from vlcalc.api.loads import (
    AnyModel,
    LoadOptions,
    check_split,
    device_of,
    keeping,
    load_of,
    model_of,
    stored_of,
)
from vlcalc.checkpoint.weights.stored_weights import StoredWeights
from vlcalc.checkpoint.weights.tables import stored_document, stored_table
from vlcalc.core.errors import InputError
from vlcalc.inference import document, tables
from vlcalc.inference.inference import Inference, infer
from vlcalc.inference.load import Load
from vlcalc.inference.stages import stage_named
from vlcalc.inference.verify import Check
from vlcalc.inference.verify import verify as verify_counts
from vlcalc.report.report import Report
from vlcalc.report.table import Table
from vlcalc.serving.document import speed_document
from vlcalc.serving.latency import Speed, serve, speed
from vlcalc.serving.tables import speed_table, with_latency
from vlcalc.serving.timed import Timed, timed
from vlcalc.serving.timed_tables import timed_document, timed_table, with_timed_phases
from vlcalc.spec.alone import PartAlone
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.schema import ModelSpec, TrainingStage

if TYPE_CHECKING:
    from typing_extensions import Unpack

COUNTS_MODULES = "counts modules"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInspection:
    """What a request costs a model, and what else was asked of it.

    Attributes:
        inference: parameters, phases, cache and memory.
        stage: the stage of training to show.
        checks: every count each way, where they were verified.
        speed: how long phases take, as predicted for a device or as a run timed them.
        stored: the weights that lie beside a checkpoint's configuration.
    """

    inference: Inference
    stage: TrainingStage | None = None
    checks: tuple[Check, ...] = ()
    speed: Speed | Timed | None = None
    stored: StoredWeights | None = None

    def report(self) -> Report:
        """Return description, parameters, phases, speed, memory, and what else was asked for."""
        written = document.to_document(self.inference, stage=self.stage, checks=self.checks)
        if self.stored:
            written["stored_weights"] = stored_document(self.stored, self._params)
        phases = tables.phase_table(self.inference)
        if isinstance(self.speed, Timed):
            written["speed"] = timed_document(self.speed)
            phases = with_timed_phases(phases, self.speed)
        elif self.speed:
            written["speed"] = speed_document(self.speed)
            phases = with_latency(phases, self.speed)
        shown = list(self._tables(phases))
        machines = (
            shown[-1] if self.stage or self.checks else phases
        )  # what was asked for above all
        return Report(tables=shown, machines=machines, document=written)

    @property
    def _params(self) -> dict[str, int | None]:
        return self.inference.params._asdict()

    def _tables(self, phases: Table) -> Iterator[Table]:
        yield tables.description_table(self.inference)
        yield tables.tree_table(self.inference)
        if self.stored:
            yield stored_table(self.stored, self._params)
        yield phases
        if self.speed:
            yield (
                timed_table(self.speed)
                if isinstance(self.speed, Timed)
                else speed_table(self.speed)
            )
        yield tables.memory_table(self.inference)
        if self.checks:
            yield tables.verify_table(self.checks)
        if self.stage:
            yield tables.stage_table(self.inference, self.stage)


def inspect(
    model: AnyModel,
    image: AnySize | None = None,
    *,
    stage: str | None = None,
    device: str | DeviceSpec | None = None,
    tp: int | None = None,
    measured: AnyRun | None = None,
    verify: bool = False,
    overrides: Mapping[str, object] | None = None,
    **load: Unpack[LoadOptions],
) -> ModelInspection:
    """Return what a request costs a model, with its speed, a stage of its training, its proofs.

    >>> import vlcalc
    >>> vlcalc.inspect("llava-1.5-7b", stage="feature alignment").stage.train
    ('fusion',)

    Args:
        model: a spec, a name or the path of a YAML file: of a model, a bare encoder or a bare
            language model.
        image: a size as (width, height) or `"1920x1080"`, or an image file, of which only the
            header is read; the encoder's own size by default.
        stage: a stage of training, by name or number, whose share of parameters to show.
        device: a device to predict latency for, by name, YAML file or as a spec; needs torch.
        tp: devices that the language model is split over; 1.
        measured: a run of `bench`, or its file, whose timings stand in place of predictions.
        verify: whether to count everything three ways; needs torch.
        overrides: keys of the spec by dotted path, with other values.
        load: what is asked of the model: `LoadOptions`.

    Raises:
        InputError: a name, size or number that cannot be, a hosted API, a run that did not time
            the model so, or a prompt and answer longer than the window.
        SpecError: a YAML file is not valid.
        RefusedError: the model's processor refuses such an image.
    """
    spec = model_of(model, overrides)
    training = stage_named(spec, stage) if stage is not None else None
    stored = stored_of(model, spec, load, overrides)
    request = keeping(load_of(spec, image, **load), spec, stored)
    if verify or device is not None:
        require_torch(COUNTS_MODULES)
    times = _times(spec, request, None if device is None else device_of(device), tp, measured)
    inference = infer(spec, request, traced=can_trace())
    checks = tuple(verify_counts(inference.plan)) if verify else ()
    return ModelInspection(
        inference=inference, stage=training, checks=checks, speed=times, stored=stored
    )


def _times(
    spec: ModelSpec,
    load: Load,
    device: DeviceSpec | None,
    tp: int | None,
    measured: AnyRun | None,
) -> Speed | Timed | None:
    """Return what phases take as timed, or on the device asked for; None without either."""
    if measured is not None:
        if isinstance(spec, PartAlone):
            raise InputError(
                expected="a whole model, as `vlcalc bench` times",
                got=f"`{spec.name}`, a part",
                where=Argument("measured"),
            )
        _refuse_tp(tp, expected="no splitting of what `--measured` timed on one device")
        run, where = run_of(measured, "measured")
        return timed(spec, load, run, device, where=where)
    if device is None:
        _refuse_tp(tp, expected="`--device NAME` beside it")
        return None
    check_split(spec, tp or 1)
    return speed(serve(spec, load, tp=tp or 1), device)


def _refuse_tp(tp: int | None, *, expected: str) -> None:
    if tp is not None:
        raise InputError(expected=expected, got=f"`{tp}`", where=Argument("tp"))


def analyze(
    model: AnyModel,
    image: AnySize | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    **load: Unpack[LoadOptions],
) -> Inference:
    """Return the numbers of `inspect` alone: parameters, phases, cache, memory.

    >>> import vlcalc
    >>> vlcalc.analyze("llava-1.5", (336, 336)).params.total
    7063427072
    """
    spec = model_of(model, overrides)
    request = keeping(load_of(spec, image, **load), spec, stored_of(model, spec, load, overrides))
    return infer(spec, request, traced=can_trace())


def predict(
    model: AnyModel,
    device: str | DeviceSpec,
    image: AnySize | None = None,
    *,
    tp: int = 1,
    overrides: Mapping[str, object] | None = None,
    **load: Unpack[LoadOptions],
) -> Speed:
    """Return the speed of `inspect` alone: how fast devices serve a request; needs torch.

    >>> import vlcalc
    >>> vlcalc.predict("llava-1.5-7b", "a100", (336, 336)).phase("decode").bound
    'memory'
    """
    require_torch(COUNTS_MODULES)
    spec = model_of(model, overrides)
    check_split(spec, tp)
    return speed(serve(spec, load_of(spec, image, **load), tp=tp), device_of(device))
