"""Latency and peak memory predicted against measured on a GPU: all methods, three models' parts.

Run: python -m tests.benchmarks.cuda [--part N/M] [--output FOLDER]
then: python -m tests.benchmarks.cuda --merge FOLDER/part_*.json
later: python -m tests.benchmarks.cuda --again tests/data/bench_DEVICE.json

A part calibrates the GPU, times every M-th case and ends within ten minutes; merging needs no GPU.
What is kept lies in tests/data: `bench_DEVICE.json`, a run that `--measured` takes, and
`calibration_DEVICE.json`, that its predictions are from. `--again` predicts anew what is kept, by
the code as it is now, without a GPU.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from tests.benchmarks.kept import Part, merge, share_of, slug, summary, worst
from tests.cost.presets import preset_of_each_kind
from vlcalc.cost.memory import dtype_named
from vlcalc.cost.trace import Trace, trace_operators
from vlcalc.measurement.calibrate import measure_rates
from vlcalc.measurement.components import component_cases
from vlcalc.measurement.environment import environment
from vlcalc.measurement.here import detected, with_calibration
from vlcalc.measurement.prediction import Predictor
from vlcalc.measurement.run import Options, run_cases
from vlcalc.measurement.targets import Case, Choices, method_cases
from vlcalc.runs.file import load_run, to_json
from vlcalc.runs.run import Run
from vlcalc.spec.calibration import Calibration
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.devices import known_devices
from vlcalc.spec.loader import load_spec
from vlcalc.spec.parts import load_language, load_vision
from vlcalc.spec.reported_names import match_reported
from vlcalc.spec.schema import ModelSpec

DATA = Path(__file__).parents[1] / "data"
DTYPE = "bfloat16"
CHOICES = Choices(tile_sides_px=(336, 672, 1344), batch_sizes=(1, 8), dtypes=(DTYPE,))
PAIR = "clip-vit-l-14-336", "vicuna-7b-v1.5"
MODELS = ("llava-1.5-7b", "qwen2.5-vl-7b", "llama-3.2-11b-vision-instruct")
# A part begins no case after so long: the rest of ten minutes is for the one that runs.
LIMIT_S = 480.0
MIN_TIME_S = 0.1
# Of one run; a GPU that needs longer is not what this is about.
LONGEST_RUN_S = 5.0


class TwoPredictors(Predictor):
    """Predicts by a calibration, and remembers what the datasheet gives for the same case."""

    def __init__(self, calibrated: DeviceSpec, listed: DeviceSpec | None) -> None:
        super().__init__("cuda", calibrated)
        self._by_datasheet = Predictor("cuda", listed)
        self._listed_s: float | None = None

    def latency(self, trace: Trace, dtype: str) -> tuple[float | None, str | None]:
        self._listed_s, _ = self._by_datasheet.latency(trace, dtype)
        return super().latency(trace, dtype)

    def taken(self) -> float | None:
        """Return the datasheet's seconds of the last case, once."""
        seconds, self._listed_s = self._listed_s, None
        return seconds


def all_cases() -> list[Case]:
    """Return every method on the usual pair, then the components of whole models."""
    pair = load_vision(PAIR[0]), load_language(PAIR[1])
    cases = method_cases(preset_of_each_kind(), *pair, CHOICES)
    for name in MODELS:
        spec = load_spec(name)
        assert isinstance(spec, ModelSpec)
        cases += component_cases(spec, CHOICES)
    return cases


def measure(number: int, count: int) -> Part:
    """Calibrate, then time the cases of a part, as far as the minutes last."""
    began = time.monotonic()
    found = detected("cuda")
    calibration = measure_rates("cuda")
    spec = with_calibration(found, torch.get_num_threads(), calibration)
    print(f"calibrated in {time.monotonic() - began:.0f} s", flush=True)
    predictor = TwoPredictors(spec, found.match.device)
    options = Options(device="cuda", min_time_s=MIN_TIME_S, longest_run_s=LONGEST_RUN_S)
    about = environment("cuda", dtypes=(DTYPE,), peaks=spec.name)
    cases = share_of(all_cases(), number, count)
    rows, listed_s = [], []
    try:
        for row in run_cases(cases, options, predictor):
            rows.append(row)
            listed_s.append(predictor.taken())
            print(f"{len(rows)}/{len(cases)} {row.target}: {row.error or 'timed'}", flush=True)
            if time.monotonic() - began > LIMIT_S:
                break
    except KeyboardInterrupt:
        print("interrupted: what is done is kept", file=sys.stderr)
    run = Run(environment=about, interrupted=len(rows) < len(cases), rows=tuple(rows))
    return Part(
        number=number,
        count=count,
        run=run,
        listed_s=tuple(listed_s),
        calibration=calibration,
    )


def predicted_again(run: Run, calibration: Calibration) -> Part:
    """Return a kept run with predictions made now, for the cases that are the same."""
    listed = match_reported(run.environment.device_name, None, known_devices()).device
    bare = listed or DeviceSpec(name="here", kind="gpu")
    predictor = TwoPredictors(bare.model_copy(update={"calibration": calibration}), listed)
    cases = {(case.target, case.conditions): case for case in all_cases()}
    rows, listed_s = [], []
    for row in run.rows:
        case = cases.get((row.target, row.conditions))
        if row.median_s is None or case is None:
            continue
        dtype = row.conditions.dtype
        trace = trace_operators(
            case.build_module("meta"),
            case.build_inputs("meta"),
            attention=predictor.attention(dtype),
            dtype=dtype_named(dtype),
        )
        predicted_s, source = predictor.latency(trace, dtype)
        changes = {
            "predicted_s": predicted_s,
            "prediction": source,
            "predicted_activation_bytes": trace.memory.peak_activation_bytes,
            "predicted_held_bytes": trace.memory.weight_bytes + trace.memory.input_bytes,
        }
        rows.append(row.model_copy(update=changes))
        listed_s.append(predictor.taken())
    return Part(
        number=1,
        count=1,
        run=run.model_copy(update={"rows": tuple(rows)}),
        listed_s=tuple(listed_s),
        calibration=calibration,
    )


def keep(whole: Part, folder: Path) -> bool:
    """Write a whole run and its calibration; tell whether limits are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    device = slug(whole.run)
    (folder / f"bench_{device}.json").write_text(to_json(whole.run), encoding="utf-8")
    text = whole.calibration.model_dump_json(indent=1, exclude_defaults=True)
    (folder / f"calibration_{device}.json").write_text(text + "\n", encoding="utf-8")
    return told(whole)


def told(whole: Part) -> bool:
    """Print how far a whole run is off; tell whether limits are kept."""
    found = summary(whole.run, whole.listed_s)
    print(f"{whole.run.environment.summary}, {whole.run.environment.date}")
    if whole.run.interrupted:
        print("not all cases: take more parts")
    print("\n".join([*worst(whole.run), found.text]))
    return found.kept


def _part(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not 1 <= int(number) <= int(count):
        raise argparse.ArgumentTypeError("expected N/M, N from 1 to M")
    return int(number), int(count)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure a part or merge parts; return 1 where a limit is broken or there is no GPU."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cuda")
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="N/M")
    parser.add_argument("--merge", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--again", type=Path, metavar="FILE")
    parser.add_argument("--output", type=Path, default=DATA, metavar="FOLDER")
    asked = parser.parse_args(arguments)
    if asked.merge:
        parts = [Part.model_validate_json(path.read_bytes()) for path in asked.merge]
        return 0 if keep(merge(parts), asked.output) else 1
    if asked.again:
        path = asked.again.with_name(asked.again.name.replace("bench_", "calibration_"))
        calibration = Calibration.model_validate_json(path.read_bytes())
        return 0 if told(predicted_again(load_run(asked.again), calibration)) else 1
    if not torch.cuda.is_available():
        print("this benchmark needs a CUDA device, and torch sees none here", file=sys.stderr)
        return 1
    part = measure(*asked.part)
    if part.count == 1:
        return 0 if keep(part, asked.output) else 1
    asked.output.mkdir(parents=True, exist_ok=True)
    path = asked.output / part.name
    path.write_text(part.model_dump_json() + "\n", encoding="utf-8")
    print(f"{path}: {summary(part.run, part.listed_s).text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
