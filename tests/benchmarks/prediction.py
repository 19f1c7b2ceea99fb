"""Latency predicted from a calibration against latency measured, with one thread.

Run it as `python -m tests.benchmarks.prediction`. It calibrates this machine, then times fusion
methods (their generic presets) at one tile of 336 pixels and at 672 pixels (four tiles and a
thumbnail); all that in rounds, of which the median counts, as a machine that others use too is not
equally fast all the time. A case runs in a process of its own, forked from this one: what its
allocator does then depends on the case alone. CPU time counts, so that other programs matter
little.

Two predictions stand beside the measurement: by operator, and the roofline of the whole module.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from statistics import mean, median
from typing import NamedTuple

import torch

from tests.cost.presets import CLIP_AND_VICUNA, preset_of_each_kind
from vlcalc.cost.roofline import predict_operators, whole_module_s
from vlcalc.cost.trace import trace_operators
from vlcalc.fusion.base import Dims, Fusion
from vlcalc.measurement.calibrate import measure_rates
from vlcalc.spec.device import DeviceSpec

SIZES = {"336": CLIP_AND_VICUNA, "672": CLIP_AND_VICUNA._replace(num_views=5)}
# Every way of joining the modalities, each as heavy as a CPU runs in seconds.
METHODS = """
    c_abstractor concat_mlp cross_attention_resampler d_abstractor film gated_xattn_dense
    gemma_projector grouped ldpv2 linear merging_projector mfb mlp patch_merger perceiver
    pixel_shuffle pooled_projector q_former raw_patch simplified_q_former token_packer
"""
MAX_MEAN, MAX_MEDIAN = 0.10, 0.05
ROUNDS = 3
MIN_RUNS = 1
MAX_RUNS = 5
ENOUGH_S = 0.3
# A block of runs lasts at least this long.
MIN_BLOCK_S = 5e-3


class Case(NamedTuple):
    """One method at one size: seconds that were measured and predicted."""

    kind: str
    size: str
    flops: int
    measured_s: float
    predicted_s: float
    whole_s: float

    @property
    def error(self) -> float:
        return self.predicted_s / self.measured_s - 1

    @property
    def whole_error(self) -> float:
        return self.whole_s / self.measured_s - 1


def cases() -> list[tuple[str, str, Fusion, Dims]]:
    """Return every method at every size; a size that changes nothing for a method is left out."""
    found, methods = [], METHODS.split()
    for spec in preset_of_each_kind():
        if spec.fusion.kind not in methods:
            continue
        by_flops = {
            spec.fusion.num_flops(SIZES[size]): (size, SIZES[size]) for size in ("672", "336")
        }
        found += [(spec.fusion.kind, size, spec.fusion, dims) for size, dims in by_flops.values()]
    return found


def cpu_seconds(fusion: Fusion, dims: Dims) -> float:
    """Return the median of some runs of the real module."""
    torch.manual_seed(0)
    module = fusion.build(dims, "cpu").eval()
    inputs = fusion.example_inputs(dims, "cpu")
    seconds: list[float] = []
    with torch.inference_mode():
        module(*inputs)
        start = time.process_time()
        module(*inputs)
        runs = max(1, round(MIN_BLOCK_S / (time.process_time() - start)))
        while len(seconds) < MIN_RUNS or (len(seconds) < MAX_RUNS and sum(seconds) < ENOUGH_S):
            start = time.process_time()
            for _ in range(runs):
                module(*inputs)
            seconds.append((time.process_time() - start) / runs)
    return median(seconds)


def _send(end: Connection, fusion: Fusion, dims: Dims) -> None:
    torch.set_num_threads(1)
    with contextlib.suppress(OSError, AttributeError):  # a C library without it
        ctypes.CDLL(None).malloc_trim(0)  # what the calibration left on the heap
    end.send(cpu_seconds(fusion, dims))


def in_own_process(fusion: Fusion, dims: Dims) -> float:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(there, fusion, dims))
    process.start()
    there.close()
    seconds: float = here.recv()
    process.join()
    return seconds


def predicted(fusion: Fusion, dims: Dims, devices: list[DeviceSpec]) -> tuple[float, float]:
    """Return seconds by operator, and by the roofline of the whole module; of each the median."""
    module, inputs = fusion.build(dims, "meta"), fusion.example_inputs(dims, "meta")
    trace = trace_operators(module, inputs, attention="cpu")
    by_operator, whole = [], []
    for device in devices:
        found = predict_operators(trace.operators, device, dtype="float32", alone=True)
        by_operator.append(found.latency_s or 0.0)
        at_once = whole_module_s(trace.flops, trace.memory, device, dtype="float32")
        whole.append(at_once or 0.0)
    return median(by_operator), median(whole)


def describe(name: str, errors: list[float]) -> None:
    absolute = [abs(error) for error in errors]
    print(
        f"{name}: MAPE {mean(absolute):.1%}, median {median(absolute):.1%},"
        f" bias {mean(errors):+.1%}, largest {max(absolute):.1%}, of {len(errors)} pairs"
    )


def main() -> None:
    """Print the table and its summary; exit with 1 when an error is over its limit."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    wanted = cases()
    devices, rounds = [], []
    for _ in range(ROUNDS):
        calibration = measure_rates("cpu", rounds=1)
        devices.append(DeviceSpec(name="here", kind="cpu", calibration=calibration))
        rounds.append([in_own_process(fusion, dims) for _, _, fusion, dims in wanted])
    table = [
        Case(
            kind, size, fusion.num_flops(dims), median(measured), *predicted(fusion, dims, devices)
        )
        for (kind, size, fusion, dims), *measured in zip(wanted, *rounds, strict=True)
    ]
    print(f"{ROUNDS} rounds in {time.perf_counter() - began:.0f} s, 1 thread")
    print(f"{'method':28}{'size':>5}{'GFLOP':>9}{'measured':>13}{'predicted':>13}{'error':>9}"
          f"{'whole module':>14}")  # fmt: skip
    for case in table:
        print(
            f"{case.kind:28}{case.size:>5}{case.flops / 1e9:>9.2f}{case.measured_s * 1e3:>10.2f} ms"
            f"{case.predicted_s * 1e3:>10.2f} ms{case.error:>+9.1%}{case.whole_error:>+14.1%}"
        )
    describe("by operator", [case.error for case in table])
    describe("whole module", [case.whole_error for case in table])
    absolute = [abs(case.error) for case in table]
    sys.exit(0 if mean(absolute) <= MAX_MEAN and median(absolute) <= MAX_MEDIAN else 1)


if __name__ == "__main__":
    main()
