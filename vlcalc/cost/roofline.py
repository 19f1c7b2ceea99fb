"""How long operators take on a device: from its peaks, or from rates that were measured on it.

From peaks, an operator takes what its FLOPs or its bytes take, whichever is longer, at a share of
the peak that the device's file states. The roofline is by Williams, Waterman and Patterson,
"Roofline: an insightful visual performance model for multicore architectures", CACM 52(4), 2009.
From a calibration, it takes what an operator of its kind and size took there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from vlcalc.cost.kinds import Kind
from vlcalc.cost.memory import PeakMemory
from vlcalc.cost.trace import Operator
from vlcalc.spec.calibration import Calibration, RateTable
from vlcalc.spec.device import DeviceSpec

Bound = Literal["compute", "memory", "overhead"]
Source = Literal["modelled", "calibrated"]

# The operator that stands for others of its kind where they were not measured.
TYPICAL: dict[Kind, str] = {
    "matmul": "addmm",
    "batched_matmul": "bmm",
    "attention": "attention",
    "convolution": "convolution",
    "normalisation": "native_layer_norm",
    "softmax": "_softmax",
    "activation": "silu",
    "elementwise": "mul",
    "reduction": "mean",
    "resampling": "avg_pool2d",
    "embedding": "embedding",
    "copy": "clone",
    "other": "mul",
}

# Operators that do what another one does.
SAME_AS = {
    **dict.fromkeys(("full", "full_like", "new_zeros", "new_full", "ones", "ones_like",
                     "zeros_like", "fill", "zero"), "zeros"),
    "mm": "addmm",
    "_to_copy": "clone",
    "copy": "clone",
    "reshape": "clone",
    "rsub": "sub",
    "_safe_softmax": "_softmax",
    "_log_softmax": "_softmax",
    "index_select": "index",
    "gather": "index",
    "argmax": "argmin",
    "amax": "argmin",
    "max": "argmin",
    "leaky_relu": "relu",
    "hardtanh": "relu",
    "hardsigmoid": "hardswish",
    "sin": "exp",
    "cos": "exp",
    "log": "exp",
    "sqrt": "rsqrt",
    "reciprocal": "rsqrt",
}  # fmt: skip
# FLOPs per byte below which bandwidth binds on every device of the catalogue, so that an operator's
# time is known where the peak is not; the least ridge is that of an A100's vector units, 9.6.
LEAST_RIDGE = 8
# With more rows a product lasts longer than reading its weights, wherever they are.
FEW_ROWS = 16


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds that operators take one after another; None where a peak is not known.

    Attributes:
        latency_s: all of it.
        compute_s: in operators that FLOPs bind.
        memory_s: in operators that bandwidth binds.
        overhead_s: in starting operators.
        bound: the largest of the three; None where nothing runs.
        source: `modelled` from peaks, `calibrated` from measured rates.
    """

    latency_s: float | None
    compute_s: float | None
    memory_s: float | None
    overhead_s: float
    bound: Bound | None
    source: Source


class Share(NamedTuple):
    """What one operator takes besides its start, and what binds it."""

    seconds: float
    bound: Bound


def predict_operators(
    operators: Sequence[Operator],
    device: DeviceSpec,
    *,
    dtype: str,
    repeats: int = 1,
    alone: bool = False,
) -> Prediction:
    """Predict how long operators take on a device.

    Args:
        operators: as traced on meta, in the dtype.
        device: its peaks; its calibration, where that knows the dtype, goes before them.
        dtype: that products run in.
        repeats: how often they all run.
        alone: whether nothing else runs between two runs, so that a cache may keep the weights, as
            where a small module is timed; not in a model.
    """
    calibration = device.calibration
    if calibration is not None and dtype in calibration.rates:
        weight_bytes = sum(operator.weight_bytes for operator in operators)
        cached = alone and weight_bytes <= (calibration.cache_bytes or 0)
        rates = Rates(calibration, dtype, cached=cached)
        shares = [rates.share(operator) for operator in operators]
        overhead_s = len(operators) * calibration.operator_s
        return _sum(shares, overhead_s, repeats, "calibrated")
    overhead_s = len(operators) * device.efficiency.operator_s
    known = [_modelled(operator, device, dtype) for operator in operators]
    return _sum(known, overhead_s, repeats, "modelled")


def _sum(
    shares: Iterable[Share | None], overhead_s: float, repeats: int, source: Source
) -> Prediction:
    seconds: dict[Bound, float] = {"compute": 0.0, "memory": 0.0, "overhead": repeats * overhead_s}
    for share in shares:
        if share is None:
            return Prediction(None, None, None, seconds["overhead"], None, source)
        seconds[share.bound] += repeats * share.seconds
    latency_s = sum(seconds.values())
    largest: Bound = max(seconds, key=lambda each: seconds[each])
    return Prediction(
        latency_s=latency_s,
        compute_s=seconds["compute"],
        memory_s=seconds["memory"],
        overhead_s=seconds["overhead"],
        bound=largest if latency_s else None,
        source=source,
    )


def _modelled(operator: Operator, device: DeviceSpec, dtype: str) -> Share | None:
    """Return the longer of compute and memory time; None where a peak that it needs is unknown."""
    peak, bandwidth = device.peak(dtype), device.bandwidth_bytes_per_s
    needs_peak = operator.flops > LEAST_RIDGE * operator.moved_bytes or dtype in device.unsupported
    if bandwidth is None or (peak is None and operator.flops and needs_peak):
        return None
    memory_s = operator.moved_bytes / (device.efficiency.bandwidth * bandwidth)
    compute_s = operator.flops / (device.efficiency.flops * peak) if peak else 0.0
    return max(Share(memory_s, "memory"), Share(compute_s, "compute"))


def whole_module_s(
    flops: int, memory: PeakMemory, device: DeviceSpec, *, dtype: str
) -> float | None:
    """Return the roofline of a module as if it were one operator; None where a peak is unknown.

    It reads its weights and inputs and writes its outputs once, whatever lies between them: a
    lower bound, to hold a prediction by operator against. It knows no efficiency.
    """
    calibration = device.calibration
    peak, bandwidth = device.peak(dtype), device.bandwidth_bytes_per_s
    if calibration is not None:
        peak = calibration.flops_per_s.get(dtype, peak)
        bandwidth = calibration.bandwidth_bytes_per_s or bandwidth
    if peak is None or bandwidth is None:
        return None
    moved_bytes = memory.weight_bytes + memory.input_bytes + memory.output_bytes
    return max(flops / peak, moved_bytes / bandwidth)


class Rates:
    """The measured rates of a dtype, and the time of an operator by them."""

    def __init__(self, calibration: Calibration, dtype: str, *, cached: bool = False) -> None:
        self._cached = cached
        self._tables = calibration.rates[dtype]
        self._fresh = calibration.fresh
        peak, bandwidth = calibration.flops_per_s.get(dtype), calibration.bandwidth_bytes_per_s
        self._ridge = peak / bandwidth if peak and bandwidth else 0.0

    def share(self, operator: Operator) -> Share | None:
        """Return what an operator takes; None where no operator like it was measured."""
        table = self._table(operator)
        if table is None:
            return None
        work = operator.flops if operator.product else operator.moved_bytes
        seconds = work / table.rate(**sizes_of(operator)) + self._first_touch_s(operator)
        return Share(seconds, self._bound(operator))

    def _table(self, operator: Operator) -> RateTable | None:
        for name in (measured_name(operator), TYPICAL[operator.kind]):
            for each in (*self._variants(name, operator), name):
                if each in self._tables:
                    return self._tables[each]
        return None

    def _variants(self, name: str, operator: Operator) -> Iterator[str]:
        few_rows = operator.product is not None and operator.product.rows <= FEW_ROWS
        if self._cached and few_rows:
            yield f"{operator.name}/cached"
        yield f"{name}/{operator.layout}"

    def _first_touch_s(self, operator: Operator) -> float:
        fresh = self._fresh
        if fresh is None or operator.written_bytes < fresh.min_bytes:
            return 0.0
        return operator.written_bytes / fresh.bytes_per_s

    def _bound(self, operator: Operator) -> Bound:
        computes = operator.flops > self._ridge * operator.moved_bytes
        return "compute" if computes else "memory"


def measured_name(operator: Operator) -> str:
    """Return the name under which operators of one behaviour are measured."""
    if operator.kind == "attention":
        return "attention"
    product = operator.product
    if operator.kind == "convolution" and product is not None:
        if product.batch > 1:
            return "convolution/depthwise"
        return "convolution" if product.taps == 1 else "convolution/spatial"
    if operator.name == "bmm" and product is not None and product.batch == 1:
        return "addmm"  # nothing of a batch shares the second matrix
    plain = operator.name.removesuffix("_")
    return SAME_AS.get(plain, plain)


def sizes_of(operator: Operator) -> dict[str, float]:
    """Return all sizes that a rate may depend on."""
    sizes: dict[str, float] = {
        "bytes": max(operator.moved_bytes, 1),
        "run": max(operator.run_bytes, 1),
        "width": max(operator.width, 1),
        "factor": max(operator.read_bytes, 1) / max(operator.written_bytes, 1),
    }
    if operator.product is None:
        return sizes
    batch, rows, columns, inner, _, _ = operator.product
    return sizes | {"batch": batch, "rows": rows, "columns": columns, "inner": inner}
