"""Predicted peak activations against the CPU allocator's own trace, every method at two sizes.

Run: python -m tests.benchmarks.memory
"""

from __future__ import annotations

import sys
from statistics import median
from typing import NamedTuple

import torch

from tests.cost.presets import dims_taken_by, preset_of_each_kind
from vlcalc.cost.flops import count_flops
from vlcalc.cost.memory import peak_memory
from vlcalc.fusion.base import Dims
from vlcalc.measurement.memory import traced_peak_bytes
from vlcalc.spec.schema import FusionSpec

SIZES = (
    Dims(256, 512, 24, 24, num_text_tokens=32, vocab_size=1000),
    Dims(256, 512, 48, 48, num_text_tokens=64, vocab_size=1000),
)
LIMIT = 0.01
# What a kernel of the CPU allocates and frees within itself, which no dispatch shows.
HIDDEN = {
    "conv": "oneDNN lays input, weights or output of a convolution out anew",
    "upsample_bilinear2d": "bilinear resampling copies its input to channels-last",
    "avg_pool2d": "pooling copies a grid that is a transposed view",
    "adaptive_avg_pool2d": "pooling copies a grid that is a transposed view",
}
UNEXPLAINED = "unexplained"


class Case(NamedTuple):
    """One method at one size."""

    kind: str
    grid: str
    traced: int
    predicted: int
    hidden: str

    @property
    def error(self) -> float:
        return self.predicted / self.traced - 1


def measure(spec: FusionSpec, size: Dims) -> Case:
    """Run a method on the CPU under the profiler, and predict the same on meta."""
    dims = dims_taken_by(spec.fusion, size)
    torch.manual_seed(0)
    module = spec.fusion.build(dims, "cpu").eval()
    inputs = spec.fusion.example_inputs(dims, "cpu")
    count = count_flops(module, inputs)
    operators = {*count.flops[""], *count.elements[""]}
    return Case(
        kind=spec.fusion.kind,
        grid=f"{dims.columns}x{dims.rows}",
        traced=traced_peak_bytes(module, inputs),
        predicted=peak_memory(module, inputs, attention="cpu").peak_activation_bytes,
        hidden="; ".join(dict.fromkeys(HIDDEN[name] for name in HIDDEN if name in operators)),
    )


def main() -> None:
    """Print every error, the median and the misses; exit with 1 when the median is over 1 %."""
    torch.set_num_threads(1)
    cases = [measure(spec, size) for spec in preset_of_each_kind() for size in SIZES]
    print(f"{'method':28} {'grid':>6} {'traced':>13} {'predicted':>13} {'error':>9}")
    for case in cases:
        print(
            f"{case.kind:28} {case.grid:>6} {case.traced:>13,} {case.predicted:>13,}"
            f" {case.error:>+9.2%}"
        )
    misses = [case for case in cases if abs(case.error) >= LIMIT]
    for case in misses:
        print(f"miss: {case.kind} {case.grid} {case.error:+.2%}: {case.hidden or UNEXPLAINED}")
    middle = median(abs(case.error) for case in cases)
    exact = sum(case.predicted == case.traced for case in cases)
    print(f"{len(cases)} cases, {exact} exact, {len(misses)} off by 1 % or more")
    print(f"median error {middle:.3%}, limit {LIMIT:.0%}")
    sys.exit(0 if middle < LIMIT else 1)


if __name__ == "__main__":
    main()
