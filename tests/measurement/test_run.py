"""Rows of a run: what is timed and predicted, and every way a case can fail."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import pytest
import torch

from tests.measurement.examples import linear_case
from vlcalc.core.errors import InputError
from vlcalc.measurement import run as module
from vlcalc.measurement.prediction import Predictor
from vlcalc.measurement.run import Options, check_attention, run_cases, torch_threads
from vlcalc.measurement.targets import Case
from vlcalc.runs.run import Measured
from vlcalc.spec.device import DeviceSpec, Efficiency

FAST = Options(min_time_s=0.001)
SOME_CPU = DeviceSpec(
    name="some-cpu",
    kind="cpu",
    flops_per_s={"float32": 1e12},
    bandwidth_bytes_per_s=1e11,
    efficiency=Efficiency(flops=1.0, bandwidth=1.0, operator_s=0.5),
)


def rows_of(
    *cases: Case, options: Options = FAST, spec: DeviceSpec | None = None
) -> list[Measured]:
    return list(run_cases(cases, options, Predictor("cpu", spec)))


def raising(error: BaseException) -> NoReturn:
    raise error


def test_a_row_has_what_was_timed_and_what_was_counted() -> None:
    (row,) = rows_of(linear_case())
    weights, x, y = 4 * (32 * 32 + 32), 4 * 2 * 16 * 32, 4 * 2 * 16 * 32
    assert row.error == ""
    assert row.flops == 2 * (2 * 16) * 32 * 32
    assert row.moved_bytes == weights + x + y
    assert row.peak_bytes == weights + x + y
    assert row.predicted_bytes == row.peak_bytes
    assert (row.memory_error, row.activation_error) == (0, 0)
    assert row.median_s is not None
    assert row.min_s is not None
    assert 0 < row.min_s <= row.median_s < 0.1
    assert row.images_per_s == pytest.approx(2 / row.median_s)
    assert (row.predicted_s, row.prediction, row.flops_share) == (None, None, None)


def test_predictions_and_shares_are_those_of_the_device() -> None:
    options = replace(FAST, longest_run_s=1.0)
    (row,) = rows_of(linear_case(), spec=SOME_CPU, options=options)
    assert row.predicted_s == pytest.approx(0.5, rel=1e-3)  # one operator's start
    assert row.prediction == "modelled"
    assert row.flops_share == pytest.approx((row.flops_per_s or 0) / 1e12)
    assert row.bandwidth_share == pytest.approx((row.bytes_per_s or 0) / 1e11)
    assert row.latency_error == pytest.approx((row.predicted_s or 0) / (row.median_s or 1) - 1)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"), "out of memory"),
        (MemoryError(), "out of memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
         "out of memory"),
        (RuntimeError('"addmm" not implemented for \'Half\'\nmore lines'),
         "\"addmm\" not implemented for 'Half'"),
        (NotImplementedError("The operator 'aten::x' is not on MPS"),
         "The operator 'aten::x' is not on MPS"),
        (InputError(expected="an even width", got="3"), "expected an even width, got 3"),
    ],
    ids=["gpu", "python", "cpu", "dtype", "operator", "ours"],
)  # fmt: skip
def test_what_fails_is_a_row_and_the_rest_goes_on(error: BaseException, reason: str) -> None:
    failed, fine = rows_of(linear_case("bad", fail=lambda: raising(error)), linear_case("good"))
    assert (failed.target, failed.error, failed.median_s) == ("bad", reason, None)
    assert failed.flops == fine.flops
    assert fine.median_s


def test_dims_that_are_refused_are_a_row() -> None:
    error = InputError(expected="`rows` that divide", got="3")
    case = replace(linear_case(), check=lambda: raising(error))
    (row,) = rows_of(case)
    assert row.error == "expected `rows` that divide, got 3"
    assert row.flops is None


def test_a_bug_of_ours_is_no_row() -> None:
    with pytest.raises(ZeroDivisionError):
        rows_of(linear_case(fail=lambda: raising(ZeroDivisionError())))


def test_what_does_not_fit_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda _device: 10_000)
    (row,) = rows_of(linear_case(fail=lambda: raising(AssertionError())))
    assert row.error == "needs 76.12 KiB, 9.77 KiB are free"
    assert row.predicted_bytes == 4 * (32 * 32 + 32 + 2 * 2 * 16 * 32)


def test_what_would_last_too_long_is_not_tried() -> None:
    options = replace(FAST, longest_run_s=0.1)
    case = linear_case(fail=lambda: raising(AssertionError()))
    (row,) = rows_of(case, options=options, spec=SOME_CPU)
    assert row.error.startswith("one run would last about 500 ms, longer than 100 ms")


def test_all_cases_end_in_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case has its share of the time that is left, however long others took."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    asked: list[float] = []

    def refuse(*args: object) -> str:
        asked.append(float(str(args[-1])))
        now[0] += 100.0
        return "no"

    monkeypatch.setattr(module, "_refusal", refuse)
    rows_of(*[linear_case()] * 4)
    assert asked == [pytest.approx(4 * left / 6) for left in (240 / 4, 140 / 3, 40 / 2, 0)]
    asked.clear()
    rows_of(linear_case(), options=replace(FAST, longest_run_s=2.5))
    assert asked == [2.5]


def test_without_a_prediction_a_product_tells_how_long_it_would_last() -> None:
    predictor = Predictor("cpu")
    assert 0 < predictor.rough_s(10**9, "float32") < 10
    assert predictor.rough_s(2 * 10**9, "float32") == 2 * predictor.rough_s(10**9, "float32")


def test_an_interruption_ends_the_rows_that_are_done_stay() -> None:
    interrupted = linear_case(fail=lambda: raising(KeyboardInterrupt()))
    rows = run_cases([linear_case(), interrupted], FAST, Predictor("cpu"))
    assert next(rows).median_s
    with pytest.raises(KeyboardInterrupt):
        next(rows)


def test_attention_that_the_device_lacks_is_a_row() -> None:
    class Attend(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.scaled_dot_product_attention(x, x, x)

    case = replace(
        linear_case(),
        build_module=lambda _device: Attend(),
        build_inputs=lambda device: (torch.randn(1, 2, 8, 16, device=device),),
    )
    failed, fine = (
        rows_of(case, options=replace(FAST, attention=name))[0] for name in ("cudnn", "math")
    )
    assert failed.error
    assert failed.median_s is None
    assert fine.median_s


def test_the_trace_runs_attention_as_the_device_does() -> None:
    backends = {
        (device, asked, dtype): Predictor(device, attention=asked).attention(dtype)
        for device in ("cpu", "cuda", "mps")
        for asked in (None, "math", "cudnn")
        for dtype in ("float32", "bfloat16")
    }
    assert backends["cpu", None, "float32"] == "cpu"
    assert backends["cpu", "math", "float32"] == "math"
    assert backends["cuda", None, "bfloat16"] == "flash"
    assert backends["cuda", None, "float32"] == "efficient"
    assert backends["cuda", "cudnn", "bfloat16"] == "flash"
    assert backends["mps", None, "float32"] == "math"


def test_compiled_modules_are_timed_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.nn.Module] = []

    def compile_module(each: torch.nn.Module) -> torch.nn.Module:
        compiled.append(each)
        return each

    monkeypatch.setattr(torch, "compile", compile_module)
    (row,) = rows_of(linear_case(), options=replace(FAST, compiled=True))
    assert row.median_s
    assert len(compiled) == 1


def test_threads_are_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_a_device_that_broke_down_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = RuntimeError("CUDA error: an illegal memory access was encountered")
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: raising(broken))
    monkeypatch.setattr(module, "free_bytes", lambda _device: raising(broken))
    options = replace(FAST, device="cuda")
    rows = list(run_cases([linear_case(), linear_case()], options, Predictor("cuda")))
    assert [row.error for row in rows] == [str(broken)] * 2


def test_unknown_attention() -> None:
    with pytest.raises(InputError, match=r"--sdpa: .*got `flesh`; did you mean `flash`\?"):
        check_attention("flesh")
    check_attention(None)


class Sampler(torch.nn.Module):
    def forward(self, image: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.grid_sample(image, grid, align_corners=False)


@pytest.mark.parametrize(("dtype", "runs"), [("float32", True), ("bfloat16", False)])
def test_what_torch_gets_wrong_on_a_cpu_is_not_run(dtype: str, *, runs: bool) -> None:
    case = replace(
        linear_case(),
        build_module=lambda device: Sampler(),
        build_inputs=lambda device: (
            torch.rand(1, 2, 4, 4, device=device),
            torch.rand(1, 3, 3, 2, device=device),
        ),
        conditions=linear_case().conditions.model_copy(update={"dtype": dtype}),
    )
    (row,) = rows_of(case)
    assert (row.error == "") is runs
    assert runs or "`grid_sampler_2d` gives wrong values in 16 bits" in row.error
