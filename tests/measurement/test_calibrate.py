"""Micro-benchmarks are what they say they are, and become the tables that predictions read."""

from __future__ import annotations

import gc
import time
from itertools import count

import pytest
import torch

from vlcalc.cost.roofline import measured_name, predict_operators, sizes_of
from vlcalc.cost.trace import Operator, OperatorRecorder, trace_operators
from vlcalc.measurement import calibrate as calibrating
from vlcalc.measurement import microbenchmark, probes
from vlcalc.measurement.calibrate import measure_rates
from vlcalc.measurement.clocks import Clock
from vlcalc.measurement.microbenchmark import Buffer, CpuTimeClock, RateGrid, Run, Sizes, Timer
from vlcalc.measurement.pass_benchmarks import passes
from vlcalc.measurement.probes import Probes, probe
from vlcalc.measurement.product_benchmarks import convolutions, products
from vlcalc.spec.calibration import Quantity
from vlcalc.spec.device import DeviceSpec

GRIDS = [*products(large=False), *convolutions(), *passes(large=False, itemsize=4)]
LARGE = [*products(large=True), *passes(large=True, itemsize=2)]
PROBES = Probes(operator_s=1e-5, start_s=0.0, fresh=None, cache_bytes=None,
                bandwidth_bytes_per_s=1e9)  # fmt: skip


@pytest.fixture(scope="module")
def buffer() -> Buffer:
    return Buffer("cpu", torch.float32)


def smallest(grid: RateGrid) -> dict[Quantity, int]:
    return {of: min(values) for of, values in grid.axes.items()}


def recorded(run: Run) -> list[Operator]:
    recorder = OperatorRecorder((), ())
    with torch.no_grad(), recorder:
        run()
    return recorder.operators


def names_of(operator: Operator) -> tuple[str, str]:
    name = measured_name(operator)
    return name, f"{name}/{operator.layout}"


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.name)
def test_a_benchmark_runs_the_operator_of_its_name_and_does_its_work(
    grid: RateGrid, buffer: Buffer
) -> None:
    sizes = smallest(grid)
    if "bytes" in sizes:
        sizes["bytes"] = 2**20
    buffer.restart()
    operators = recorded(grid.make(buffer, sizes))
    name = grid.name.removesuffix("/cached")
    own = [each for each in operators if name in (each.name, *names_of(each))]
    assert own
    if grid.work:
        assert sum(each.flops for each in own) == grid.work(sizes)
    else:
        assert sum(each.moved_bytes for each in own) == pytest.approx(2**20, rel=0.1)
    for of in ("rows", "columns", "inner", "run", "width"):
        if of in sizes:
            assert all(sizes_of(each)[of] == sizes[of] for each in own), of


def test_no_two_benchmarks_have_one_name() -> None:
    assert len({grid.name for grid in GRIDS}) == len(GRIDS)


def test_accelerators_are_measured_at_larger_sizes_too() -> None:
    most = {grid.name: grid.axes for grid in LARGE}
    assert max(most["addmm"]["rows"]) > 1024
    assert max(most["add"]["bytes"]) >= 2**28


@pytest.mark.parametrize("grid", LARGE, ids=lambda grid: grid.name)
def test_operands_of_all_sizes_can_be_cut(grid: RateGrid) -> None:
    buffer = Buffer("meta", torch.float32)
    grid.make(buffer, {of: max(values) for of, values in grid.axes.items()})


def test_the_kernel_that_reads_outside_of_an_image_is_left_alone() -> None:
    narrow = {grid.name.split("/")[0] for grid in passes(large=False, itemsize=2)}
    assert {grid.name.split("/")[0] for grid in GRIDS} - narrow == {
        "addmm", "mm", "bmm", "attention", "convolution", "grid_sampler_2d",
    }  # fmt: skip


def test_weights_come_from_all_over_and_activations_from_the_front(buffer: Buffer) -> None:
    buffer.restart()
    first = buffer.values(8).data_ptr()
    weights = buffer.weights(1024, 1024)
    places = [next(weights).data_ptr() for _ in range(40)]
    assert len(set(places)) == 32  # 4 MiB each of 128 MiB
    assert buffer.values(8).data_ptr() == first + 32
    buffer.restart()
    assert buffer.values(8).data_ptr() == first
    with buffer.few_weights():
        few = buffer.weights(8)
        assert next(few).data_ptr() == next(few).data_ptr()


def test_too_large_operands_are_refused(buffer: Buffer) -> None:
    buffer.restart()
    with pytest.raises(MemoryError, match="too large"):
        buffer.values(2**26)


class Ticks(Clock):
    """A clock on which every call takes a millisecond."""

    def __init__(self) -> None:
        self.calls = 0

    def seconds(self, run: Run) -> float:
        before = self.calls
        run()
        return 1e-3 * (self.calls - before)

    def call(self) -> None:
        self.calls += 1


def test_a_timer_gives_the_time_of_one_call() -> None:
    clock = Ticks()
    assert Timer(clock).seconds(clock.call) == pytest.approx(1e-3)


def test_a_timer_replays_recordings_of_many_calls() -> None:
    class Replaying(Ticks):
        record_below_s = 1.0

        def record(self, calls: object) -> Run:
            def replay() -> None:
                self.calls += microbenchmark.RECORDED

            return replay

    clock = Replaying()
    assert Timer(clock).seconds(clock.call) == pytest.approx(1e-3)


def test_the_clock_of_the_cpu_does_not_count_waiting() -> None:
    assert CpuTimeClock().seconds(lambda: time.sleep(0.05)) < 0.04


def fails(buffer: Buffer, sizes: Sizes) -> Run:
    raise NotImplementedError


def runs(buffer: Buffer, sizes: Sizes) -> Run:
    return lambda: sum(range(1000))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"rows": (1, 2), "inner": (3,)}
    grids = [
        RateGrid("addmm", rows, runs, lambda sizes: 2 * sizes["rows"] * sizes["inner"]),  # type: ignore[arg-type]
        RateGrid("silu", {"bytes": (10, 100)}, runs),
        RateGrid("gelu", {"bytes": (10, 100)}, fails),
    ]
    monkeypatch.setattr(microbenchmark, "COLD_BYTES", 2**16)
    monkeypatch.setattr(calibrating, "products", lambda *, large: grids[:1])
    monkeypatch.setattr(calibrating, "convolutions", list)
    monkeypatch.setattr(calibrating, "passes", lambda *, large, itemsize: grids[1:])
    monkeypatch.setattr(calibrating, "probe", lambda device, timer: PROBES)
    gc.freeze()  # or each calibration would collect the garbage of all tests before it


@pytest.mark.usefixtures("few")
def test_what_runs_becomes_a_table_and_what_fails_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = count(1)
    monkeypatch.setattr(Timer, "seconds", lambda self, run: next(numbers) / 1000)
    progress: list[tuple[int, int, str]] = []
    found = measure_rates("cpu", on_progress=lambda *told: progress.append(told))
    assert set(found.rates) == {"float32", "bfloat16"}  # float16 has no products on CPUs
    assert set(found.rates["float32"]) == {"addmm", "silu"}
    # Of three rounds of eight numbers, the second began at 9.
    assert list(found.rates["float32"]["addmm"].rates) == [666.7, 1200]
    assert list(found.rates["float32"]["silu"].rates) == [909.1, 8333]
    assert found.flops_per_s["float32"] == 1200
    assert (found.operator_s, found.bandwidth_bytes_per_s) == (1e-5, 1e9)
    total = 3 * 2 * 6
    assert progress[0] == (1, total, "float32 addmm")
    assert progress[-1][:2] == (total, total)


@pytest.mark.usefixtures("few")
def test_only_the_first_round_is_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrating, "BUDGET_S", -1.0)
    progress: list[str] = []
    found = measure_rates("cpu", on_progress=lambda done, total, what: progress.append(what))
    assert len(progress) == 2 * 6
    assert set(found.rates["bfloat16"]) == {"addmm", "silu"}


@pytest.mark.usefixtures("few")
def test_a_dtype_that_the_device_has_not_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def buffer(device: str, dtype: torch.dtype) -> Buffer:
        if dtype is torch.bfloat16:
            raise TypeError("no such dtype here")
        return Buffer(device, dtype)

    monkeypatch.setattr(calibrating, "Buffer", buffer)
    found = measure_rates("cpu")
    assert set(found.rates) == set(found.flops_per_s) == {"float32"}


def test_starts_and_bandwidth_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "COPY_BYTES", 2**22)
    monkeypatch.setattr(probes, "CACHE_SIZES", (2**20, 2**21))
    found = probe("cpu", Timer(CpuTimeClock()))
    assert 0 < found.start_s < found.operator_s < 1e-3
    assert found.bandwidth_bytes_per_s > 1e8
    assert found.cache_bytes in (None, 2**20)


def test_fresh_memory_is_found_by_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # 16 MiB as fast as in place, then four times as long: fresh from 32 MiB on.
    seconds = iter([1.0, 1.0, 4.0, 1.0, 8.0, 2.0])
    monkeypatch.setattr(Timer, "seconds", lambda self, run: next(seconds))
    fresh = probes._fresh_memory("cpu", Timer(Clock()))
    assert fresh is not None
    assert fresh.min_bytes == 2**25
    assert fresh.bytes_per_s == pytest.approx(2**26 / 6, rel=1e-3)
    seconds = iter([1.0] * 6)
    assert probes._fresh_memory("cpu", Timer(Clock())) is None


@pytest.mark.usefixtures("few")
def test_a_prediction_reads_what_was_calibrated() -> None:
    device = DeviceSpec(name="here", kind="cpu", calibration=measure_rates("cpu"))
    trace = trace_operators(torch.nn.SiLU(), (torch.empty(100),))
    found = predict_operators(trace.operators, device, dtype="float32")
    assert found.source == "calibrated"
    assert found.latency_s is not None
    assert found.overhead_s == 1e-5
