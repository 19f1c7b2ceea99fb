"""Small cases and saved runs that tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vlcalc.measurement.targets import Case
from vlcalc.runs.run import Conditions, Environment, Measured, Run

ENVIRONMENT = Environment(
    device="cpu",
    device_name="Some CPU",
    torch="2.13.0",
    vlcalc="0.1.0",
    python="3.11.7",
    threads=1,
    dtypes=("float32",),
    date="2026-11-21T07:00:00+00:00",
)


def conditions(**changes: Any) -> Conditions:
    return Conditions(**{"columns": 4, "rows": 4, "dtype": "float32", **changes})


def row(target: str = "mlp", **changes: Any) -> Measured:
    known = {
        "conditions": conditions(),
        "flops": 8_000_000,
        "moved_bytes": 2_000_000,
        "median_s": 0.002,
        "iqr_s": 0.0001,
        "min_s": 0.0019,
        "num_runs": 100,
        "peak_activation_bytes": 1000,
        "held_bytes": 9000,
    }
    return Measured(target=target, kind="method", **{**known, **changes})


def run_of(*rows: Measured, **changes: Any) -> Run:
    return Run(environment=ENVIRONMENT.model_copy(update=changes), rows=rows)


def linear_case(
    target: str = "linear", *, width: int = 32, fail: Callable[[], object] | None = None
) -> Case:
    """Return a case of one linear layer, which does something else when it runs for real."""

    class Layer(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            if fail and x.device.type != "meta":
                fail()
            return super().forward(x)

    def build(device: str) -> nn.Module:
        with torch.device(device):
            return Layer(width, width)

    return Case(
        target=target,
        kind="method",
        conditions=conditions(batch_size=2),
        build_module=build,
        build_inputs=lambda device: (torch.randn(2, 16, width, device=device),),
    )
