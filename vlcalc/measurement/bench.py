"""A whole run: the device it is for, the cases, the rows, and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from vlcalc.core.bounds import check_threads
from vlcalc.measurement.components import component_cases
from vlcalc.measurement.environment import environment
from vlcalc.measurement.here import device_here
from vlcalc.measurement.prediction import Predictor
from vlcalc.measurement.run import Options, run_cases, torch_threads
from vlcalc.measurement.targets import Case, Choices, method_cases
from vlcalc.runs.run import Environment, Measured, Run
from vlcalc.spec.devices import load_device
from vlcalc.spec.schema import FusionSpec, LanguageSpec, ModelSpec, VisionSpec


@dataclass(frozen=True, slots=True)
class Bench:
    """Cases that are ready to be timed.

    Attributes:
        environment: what they are timed on.
    """

    cases: Sequence[Case]
    options: Options
    environment: Environment
    predictor: Predictor

    def rows(self) -> Iterator[Measured]:
        """Yield a row for each case, as soon as it is there."""
        with torch_threads(self.environment.threads):
            yield from run_cases(self.cases, self.options, self.predictor)

    def run(self, rows: Sequence[Measured]) -> Run:
        """Return what is kept of these rows; fewer than there are cases mean an interruption."""
        return Run(
            environment=self.environment,
            interrupted=len(rows) < len(self.cases),
            rows=tuple(rows),
        )


def cases_of(
    model: ModelSpec | None,
    methods: Sequence[FusionSpec],
    vision: VisionSpec,
    language: LanguageSpec,
    choices: Choices,
) -> list[Case]:
    """Return the cases of a model's components, then those of fusion methods on two parts.

    Raises:
        InputError: a size or count that cannot be, or a part whose shape is not known.
    """
    cases = component_cases(model, choices) if model else []
    return cases + method_cases(methods, vision, language, choices) if methods else cases


def make_bench(
    cases: Sequence[Case],
    options: Options,
    *,
    threads: int | None = None,
    peaks: str | None = None,
) -> Bench:
    """Return cases ready to be timed on a device.

    Args:
        cases: what to time.
        options: how; its device must be one of this machine.
        threads: of the CPU; as many as torch takes by default.
        peaks: the device whose file predictions are for, by name or file; by default this one's.

    Raises:
        InputError: too many threads; no device has that name, or its file lacks the peak of a
            dtype.
        SpecError: that file is not valid.
    """
    check_threads(threads)
    threads = threads or torch.get_num_threads()
    dtypes = tuple(dict.fromkeys(case.conditions.dtype for case in cases))
    spec = load_device(peaks, where="--peaks") if peaks else device_here(options.device, threads)
    if peaks and spec and not spec.calibration:
        for dtype in dtypes:
            spec.require_peak(dtype, where="--peaks")
    with torch_threads(threads):
        about = environment(
            options.device,
            dtypes=dtypes,
            attention=options.attention,
            compiled=options.compiled,
            peaks=spec.name if spec else None,
        )
    return Bench(
        cases, options, about, Predictor(options.device, spec, attention=options.attention)
    )
