"""Predictions by hand: from peaks, from a calibration, and where a peak is unknown."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from vlcalc.cost.memory import PeakMemory
from vlcalc.cost.products import Product
from vlcalc.cost.roofline import (
    TYPICAL,
    Prediction,
    measured_name,
    predict_operators,
    whole_module_s,
)
from vlcalc.cost.trace import Operator, trace_operators
from vlcalc.spec.calibration import Axis, Calibration, FreshMemory, RateTable
from vlcalc.spec.device import DeviceSpec, Efficiency

# 4 FLOPs and 2 bytes a second at full efficiency; half a second to start an operator.
DEVICE = DeviceSpec(
    name="slow",
    kind="gpu",
    flops_per_s={"float32": 4.0},
    bandwidth_bytes_per_s=2.0,
    efficiency=Efficiency(flops=0.5, bandwidth=0.25, operator_s=0.5),
)


def operator(**changes: Any) -> Operator:
    fields: dict[str, Any] = {
        "name": "mul",
        "kind": "elementwise",
        "flops": 0,
        "elements": 10,
        "read_bytes": 6,
        "written_bytes": 4,
    }
    return Operator(**{**fields, **changes})


def product(rows: int = 8, columns: int = 4, inner: int = 2, **changes: Any) -> Operator:
    flops = 2 * rows * columns * inner
    shape = Product(1, rows, columns, inner, flops)
    fields: dict[str, Any] = {"name": "mm", "kind": "matmul", "flops": flops, "product": shape}
    return operator(**{**fields, **changes})


def flat(rate: float, of: Any = "bytes") -> RateTable:
    return RateTable(axes=(Axis(of=of, sizes=(1.0,)),), rates=(rate,))


def calibrated(**fields: Any) -> DeviceSpec:
    tables = {"addmm": flat(10.0, "rows"), "mul": flat(5.0), "silu": flat(2.0)}
    defaults: dict[str, Any] = {
        "date": "2026-01-31",
        "operator_s": 1.0,
        "rates": {"float32": tables},
        "flops_per_s": {"float32": 10.0},
        "bandwidth_bytes_per_s": 5.0,
    }
    calibration = Calibration(**{**defaults, **fields})
    return DEVICE.model_copy(update={"calibration": calibration})


def test_an_operator_takes_the_longer_of_compute_and_memory() -> None:
    found = predict_operators([operator(), product()], DEVICE, dtype="float32")
    memory_s, compute_s = 10 / (0.25 * 2), 128 / (0.5 * 4)
    assert found == Prediction(
        latency_s=memory_s + compute_s + 2 * 0.5,
        compute_s=compute_s,
        memory_s=memory_s,
        overhead_s=1.0,
        bound="compute",
        source="modelled",
    )


@pytest.mark.parametrize(
    ("operators", "bound"),
    [([product()], "compute"), ([operator()], "memory"), ([operator(read_bytes=0, written_bytes=0)],
     "overhead"), ([], None)],
)  # fmt: skip
def test_what_binds(operators: list[Operator], bound: str | None) -> None:
    assert predict_operators(operators, DEVICE, dtype="float32").bound == bound


def test_repeats_multiply() -> None:
    once = predict_operators([operator(), product()], DEVICE, dtype="float32")
    thrice = predict_operators([operator(), product()], DEVICE, dtype="float32", repeats=3)
    assert once.latency_s is not None
    assert thrice.latency_s == pytest.approx(3 * once.latency_s)
    assert thrice.overhead_s == pytest.approx(3 * once.overhead_s)


def test_an_unknown_peak_is_unknown_latency() -> None:
    found = predict_operators([operator(), product()], DEVICE, dtype="bfloat16")
    assert (found.latency_s, found.compute_s, found.memory_s, found.bound) == (None,) * 4
    no_bandwidth = DEVICE.model_copy(update={"bandwidth_bytes_per_s": None})
    assert predict_operators([operator()], no_bandwidth, dtype="float32").latency_s is None


def test_a_pass_over_data_needs_no_peak_of_products() -> None:
    assert (
        predict_operators([operator()], DEVICE, dtype="bfloat16").latency_s == 10 / (0.25 * 2) + 0.5
    )


def test_a_calibration_goes_before_peaks() -> None:
    found = predict_operators([operator(), product()], calibrated(), dtype="float32")
    assert found.source == "calibrated"
    assert found.memory_s == pytest.approx(10 / 5)
    assert found.compute_s == pytest.approx(128 / 10)
    assert found.overhead_s == 2.0
    assert found.latency_s == pytest.approx(10 / 5 + 128 / 10 + 2)


def test_a_dtype_that_was_not_calibrated_falls_back_to_peaks() -> None:
    device = calibrated().model_copy(update={"flops_per_s": {"bfloat16": 8.0}})
    assert predict_operators([product()], device, dtype="bfloat16").source == "modelled"


def test_an_operator_that_was_not_measured_is_taken_for_a_typical_one() -> None:
    silu = predict_operators(
        [operator(name="mish", kind="activation")], calibrated(), dtype="float32"
    )
    assert silu.memory_s == pytest.approx(10 / 2)
    unknown = predict_operators([operator(name="cat", kind="copy")], calibrated(), dtype="float32")
    assert unknown.latency_s is None


def test_a_product_with_few_operations_a_byte_is_bound_by_memory() -> None:
    found = predict_operators([product(read_bytes=1000)], calibrated(), dtype="float32")
    assert found.bound == "memory"
    assert found.memory_s == pytest.approx(128 / 10)


def test_fresh_memory_costs_its_first_touch() -> None:
    device = calibrated(fresh=FreshMemory(min_bytes=4, bytes_per_s=2.0))
    found = predict_operators([operator(), operator(written_bytes=3)], device, dtype="float32")
    assert found.memory_s == pytest.approx(10 / 5 + 4 / 2 + 9 / 5)


def test_a_variant_goes_before_the_plain_operator() -> None:
    tables = {"avg_pool2d": flat(1.0), "avg_pool2d/strided": flat(4.0)}
    device = calibrated(rates={"float32": tables})
    pool = {"name": "avg_pool2d", "kind": "resampling"}
    for layout, rate in (("strided", 4.0), ("contiguous", 1.0)):
        found = predict_operators([operator(layout=layout, **pool)], device, dtype="float32")
        assert found.memory_s == pytest.approx(10 / rate)


def test_weights_that_a_cache_keeps_count_only_for_a_module_alone() -> None:
    tables = {"addmm": flat(10.0, "rows"), "mm/cached": flat(40.0, "rows")}
    device = calibrated(rates={"float32": tables}, cache_bytes=100)
    few = [product(weight_bytes=60)]
    latency = {
        name: predict_operators(operators, device, dtype="float32", alone=alone).latency_s
        for name, operators, alone in (
            ("alone", few, True),
            ("in a model", few, False),
            ("too large", few * 2, True),
            ("many rows", [product(rows=32, weight_bytes=60)], True),
        )
    }
    assert latency == {
        "alone": pytest.approx(1 + 128 / 40),
        "in a model": pytest.approx(1 + 128 / 10),
        "too large": pytest.approx(2 + 256 / 10),
        "many rows": pytest.approx(1 + 512 / 10),
    }


def test_names_under_which_operators_are_measured() -> None:
    trace = trace_operators(
        nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, groups=4)),
        (torch.empty(2, 4, 9, 9, device="meta"),),
    )
    names = [measured_name(each) for each in trace.operators]
    assert names == ["convolution", "convolution/spatial", "convolution/depthwise"]
    attention = operator(name="_scaled_dot_product_flash_attention", kind="attention")
    assert measured_name(attention) == "attention"
    assert measured_name(operator(name="add_")) == "add"
    for batch, name in ((1, "addmm"), (2, "bmm")):
        shape = Product(batch, 8, 4, 2, 2 * batch * 8 * 4 * 2)
        assert measured_name(operator(name="bmm", kind="batched_matmul", product=shape)) == name


def test_every_kind_has_a_typical_operator_that_is_measured() -> None:
    from vlcalc.measurement.pass_benchmarks import passes
    from vlcalc.measurement.product_benchmarks import convolutions, products

    grids = (*products(large=False), *convolutions(), *passes(large=False, itemsize=4))
    measured = {grid.name.split("/")[0] for grid in grids}
    assert set(TYPICAL.values()) <= measured


def test_the_whole_module_is_one_operator_without_efficiency() -> None:
    memory = PeakMemory(weight_bytes=3, input_bytes=5, peak_activation_bytes=100, output_bytes=4)
    assert whole_module_s(4, memory, DEVICE, dtype="float32") == 12 / 2
    assert whole_module_s(400, memory, DEVICE, dtype="float32") == 400 / 4
    assert whole_module_s(400, memory, calibrated(), dtype="float32") == 400 / 10
    assert whole_module_s(4, memory, DEVICE, dtype="bfloat16") is None


def test_a_prediction_is_at_least_the_whole_module_at_full_efficiency() -> None:
    device = DEVICE.model_copy(update={"efficiency": Efficiency(flops=1, bandwidth=1)})
    module = nn.Sequential(nn.Linear(8, 6), nn.GELU(), nn.LayerNorm(6))
    trace = trace_operators(module, (torch.empty(5, 8, device="meta"),))
    found = predict_operators(trace.operators, device, dtype="float32")
    whole_s = whole_module_s(trace.flops, trace.memory, device, dtype="float32")
    assert found.latency_s is not None
    assert whole_s is not None
    assert found.latency_s >= whole_s
