"""Saved runs and their rows that tests share."""

from __future__ import annotations

from typing import Any

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
