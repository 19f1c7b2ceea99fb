"""What only a CUDA device can tell: orderings and plausible values, never absolute times."""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import vlcalc
from tests.cost.presets import dims_taken_by, preset_of_each_kind
from tests.measurement.examples import linear_case
from vlcalc.fusion.base import Dims
from vlcalc.measurement import run as running
from vlcalc.measurement.calibrate import measure_rates
from vlcalc.measurement.clocks import CudaClock
from vlcalc.measurement.harness import time_calls
from vlcalc.measurement.here import detected
from vlcalc.measurement.prediction import Predictor
from vlcalc.measurement.run import SDPA, Options, run_cases
from vlcalc.measurement.weights import placed_module
from vlcalc.runs.file import load_run
from vlcalc.runs.run import Measured
from vlcalc.spec.parts import load_language
from vlcalc.spec.schema import FusionSpec

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    # Drivers and attention kernels warn of what is no fault of ours.
    pytest.mark.filterwarnings("default"),
]

SMALL = Dims(256, 512, 24, 24, num_text_tokens=32, vocab_size=1000)
# In bfloat16 on a CPU all methods stay within 1.4 %.
TOLERANCE = 0.03
FAST = Options(device="cuda", min_time_s=0.01)
bench = partial(vlcalc.bench, device="cuda", min_time_s=0.02, longest_run_s=5.0)


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def outputs(module: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    with torch.no_grad():
        given = tree_leaves(module(*inputs))
    return [each.float().cpu() for each in given if isinstance(each, Tensor)]


@pytest.mark.parametrize("spec", preset_of_each_kind(), ids=lambda spec: spec.fusion.kind)
def test_a_method_gives_in_bfloat16_what_it_gives_on_the_cpu(spec: FusionSpec) -> None:
    dims = dims_taken_by(spec.fusion, SMALL)
    torch.manual_seed(0)
    module = spec.fusion.build(dims, "cpu").eval()
    examples = spec.fusion.example_inputs(dims, "cpu")
    inputs = [torch.randn(x.shape) if x.is_floating_point() else x for x in examples]
    there = copy.deepcopy(module).to("cuda", torch.bfloat16)
    moved = [x.to("cuda", torch.bfloat16 if x.is_floating_point() else None) for x in inputs]
    for given, wanted in zip(
        outputs(there, tuple(moved)), outputs(module, tuple(inputs)), strict=True
    ):
        assert given.isfinite().all()
        assert (given - wanted).norm() <= TOLERANCE * wanted.norm()


def test_peak_memory_is_as_predicted() -> None:
    run = bench(["all"])
    errors = [abs(row.memory_error) for row in run.rows if row.memory_error is not None]
    assert len(errors) >= 40
    assert median(errors) <= 0.03
    assert {row.conditions.dtype for row in run.rows} == {"bfloat16"}
    assert not [row.error for row in run.rows if "CUDA" in row.error or "device" in row.error]


def medians(*methods: str, **conditions: Any) -> list[float]:
    rows = bench(methods, **conditions).rows
    assert [row.error for row in rows] == [""] * len(rows)
    return [row.median_s or 0.0 for row in rows]


def test_more_tiles_last_longer() -> None:
    one, four = medians("q_former", num_tiles=(1, 4), batch_sizes=(8,))
    assert 0 < one < four


@pytest.mark.parametrize("method", ["mlp", "q_former"])
def test_more_images_last_longer(method: str) -> None:
    one, eight = medians(method, batch_sizes=(1, 8))
    assert 0 < one < eight < 16 * one


def test_a_longer_prompt_lasts_longer() -> None:
    decoder = load_language("vicuna-7b-v1.5").decoder
    assert decoder is not None
    module = placed_module(decoder.build, "cuda", torch.bfloat16)
    seconds = []
    for length in (64, 2304):
        x = torch.randn(1, length, decoder.width, device="cuda", dtype=torch.bfloat16)
        call = partial(module, logits="last")
        seconds.append(time_calls(call, [(x,)], device="cuda", min_time_s=0.05).median_s)
    assert 0 < seconds[0] < seconds[1]


def long_product() -> Callable[[], Tensor]:
    x = torch.randn(8192, 8192, device="cuda").to(torch.bfloat16)
    return lambda: x @ x


def test_a_replay_lasts_as_long_as_a_call() -> None:
    clock, product = CudaClock(), long_product()
    with torch.inference_mode():
        replay = clock.record([product])
        assert replay is not None
        called_s, replayed_s = (
            median(clock.seconds(run) for _ in range(20)) for run in (product, replay)
        )
    assert replayed_s == pytest.approx(called_s, rel=0.2)


def test_a_replay_does_not_wait_for_launches() -> None:
    x = torch.ones(1, device="cuda")

    def chain() -> None:
        y = x
        for _ in range(200):
            y = y + 1

    clock = CudaClock()
    with torch.inference_mode():
        replay = clock.record([chain])
        assert replay is not None
        called_s, replayed_s = (
            median(clock.seconds(run) for _ in range(20)) for run in (chain, replay)
        )
    assert replayed_s < called_s


def test_what_waits_for_the_device_is_not_recorded_and_breaks_nothing() -> None:
    x, clock, stream = torch.ones(4, device="cuda"), CudaClock(), torch.cuda.current_stream()
    assert clock.record([lambda: x.sum().item()]) is None
    assert torch.cuda.current_stream() == stream
    assert torch.randn(4, device="cuda").isfinite().all()
    assert torch.cuda.get_sync_debug_mode() == 0
    assert clock.record([lambda: x + 1]) is not None


def rows_of(*cases: Any, options: Options = FAST) -> list[Measured]:
    return list(run_cases(cases, options, Predictor("cuda", attention=options.attention)))


def test_out_of_memory_is_a_row() -> None:
    def take_everything() -> Tensor:
        return torch.empty(2**44, device="cuda")

    big, small = rows_of(linear_case("big", fail=take_everything), linear_case("small"))
    assert (big.error, big.median_s) == ("out of memory", None)
    assert (small.error, small.target) == ("", "small")
    assert small.median_s


def test_what_does_not_fit_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "free_bytes", lambda _device: 10_000)
    (row,) = rows_of(linear_case())
    assert row.error.endswith("KiB are free")


def test_ctrl_c_keeps_what_is_done(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "run.json"
    placed: list[nn.Module] = []

    def interrupting(*args: Any) -> nn.Module:
        if placed:
            raise KeyboardInterrupt
        placed.append(placed_module(*args))
        return placed[-1]

    monkeypatch.setattr(running, "placed_module", interrupting)
    ran = run("bench", "--methods", "mlp,linear,gating", "--device", "cuda", "--save", str(file))
    assert ran.code == 130
    kept = load_run(file)
    assert (kept.interrupted, [row.target for row in kept.rows]) == (True, ["mlp"])
    assert kept.environment.driver


def test_attention_kernels_can_be_chosen() -> None:
    asked: dict[str, Any] = {"num_tiles": (4,), "batch_sizes": (8,)}
    rows = {name: bench(["perceiver"], attention=name, **asked).rows[0] for name in SDPA}
    assert [rows[name].error for name in ("flash", "efficient", "math")] == [""] * 3
    assert rows["cudnn"].error == "" or rows["cudnn"].median_s is None
    assert (rows["math"].median_s or 0) > (rows["flash"].median_s or 0)
    assert (rows["math"].peak_activation_bytes or 0) > (rows["flash"].peak_activation_bytes or 0)


def test_a_kernel_that_lacks_the_dtype_is_a_row() -> None:
    (row,) = bench(["perceiver"], attention="flash", dtypes=["float32"]).rows
    assert row.error
    assert row.median_s is None


def test_compiled_modules_run() -> None:
    (row,) = bench(["mlp"], compiled=True).rows
    assert (row.error, row.median_s is not None) == ("", True)


def test_calibration_is_plausible() -> None:
    found = measure_rates("cuda", rounds=1)
    assert found.machine == torch.cuda.get_device_name()
    assert found.flops_per_s["bfloat16"] > found.flops_per_s["float32"]
    assert {"addmm", "bmm", "attention", "native_layer_norm"} <= found.rates["bfloat16"].keys()
    assert 0 < found.operator_s < 1e-4
    spec = detected("cuda").match.device
    if spec and (peak := spec.peak("bfloat16")) and spec.bandwidth_bytes_per_s:
        assert 0.3 * peak < found.flops_per_s["bfloat16"] < 1.1 * peak
        share = (found.bandwidth_bytes_per_s or 0) / spec.bandwidth_bytes_per_s
        assert 0.3 < share < 1.1


def test_the_card_is_found_in_the_list(run: Callable[..., Any]) -> None:
    name = torch.cuda.get_device_name()
    if detected("cuda").match.device is None and name != "NVIDIA H200":
        pytest.skip(f"{name} is not in the list")
    rows = list(csv.DictReader(io.StringIO(run("devices", "detect", "-f", "csv").out)))
    (card,) = (row for row in rows if row["device"] == "cuda:0")
    assert card["reported_as"] == name
    assert float(card["bandwidth_bytes_per_s"]) > 1e11
    assert name != "NVIDIA H200" or card["name"] == "h200-sxm"


def test_a_saved_run_tells_the_machine(run: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    assert run("bench", "--methods", "mlp", "--min-time", "0.01", "--save", str(file)).code == 0
    about = json.loads(file.read_text(encoding="utf-8"))["environment"]
    assert (about["device"], about["dtypes"]) == ("cuda", ["bfloat16"])
    assert about["clock_hz"] > 1e8


def test_a_case_with_integers_runs() -> None:
    case = replace(
        linear_case(),
        build_module=lambda device: nn.Embedding(100, 32, device=device),
        build_inputs=lambda device: (torch.zeros(2, 16, dtype=torch.long, device=device),),
    )
    (row,) = rows_of(case)
    assert (row.error, row.median_s is not None) == ("", True)
