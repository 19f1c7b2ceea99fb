"""A whole run through the Python API, and what makes its cases."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import vlcalc
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.measurement import environment
from vlcalc.measurement.components import component_cases
from vlcalc.measurement.environment import available_device
from vlcalc.measurement.targets import Choices, method_cases
from vlcalc.runs.run import Measured
from vlcalc.spec.loader import load_fusion, load_spec
from vlcalc.spec.parts import load_language, load_vision
from vlcalc.spec.schema import ModelSpec


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_the_api_times_and_tells_each_row_at_once() -> None:
    seen: list[Measured] = []
    run = vlcalc.bench(
        ["gating"],
        batch_sizes=(1, 2),
        device="cpu",
        threads=1,
        min_time_s=0.001,
        on_row=seen.append,
    )
    assert tuple(seen) == run.rows
    assert [row.conditions.batch_size for row in run.rows] == [1, 2]
    assert all(row.median_s for row in run.rows)
    assert run.environment.threads == 1
    assert run.environment.torch == torch.__version__
    assert run.environment.dtypes == ("float32",)
    assert not run.interrupted


def test_the_function_stays_a_function_whatever_is_imported() -> None:
    import vlcalc.api.bench
    import vlcalc.measurement.bench

    assert callable(vlcalc.bench)


def test_methods_times_settings() -> None:
    choices = Choices(
        tile_sides_px=(224, 336),
        num_tiles=(1, 4),
        batch_sizes=(1, 8),
        dtypes=("float32", "bfloat16"),
        text_tokens=7,
    )
    parts = load_vision("clip-vit-l-14-336"), load_language("vicuna-7b-v1.5")
    cases = method_cases([load_fusion("mlp"), load_fusion("q_former")], *parts, choices)
    assert len(cases) == 2 * 2 * 2 * 2 * 2
    assert len({(case.target, case.conditions) for case in cases}) == len(cases)
    last = cases[-1]
    assert (last.target, last.conditions.num_views, last.conditions.columns) == ("q_former", 5, 24)
    assert last.conditions.text_tokens == 7
    shape = last.build_inputs("meta")[0].shape
    assert shape[:2] == (8 * 5, 1 + 576)


def model(name: str) -> ModelSpec:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    return spec


def test_the_components_of_a_model_have_its_shapes() -> None:
    choices = Choices(batch_sizes=(2,), text_tokens=10)
    cases = {case.target: case for case in component_cases(model("llava-1.5-7b"), choices)}
    assert list(cases) == [
        "clip-vit-l-14-336 2 x 24x24",
        "fusion.mlp",
        "language.embedding prefill",
        "language.layers[0] prefill",
        "language.head prefill",
        "language.embedding decode",
        "language.layers[0] decode",
        "language.head decode",
        "language prefill",
    ]
    shapes = {name: tuple(case.build_inputs("meta")[0].shape) for name, case in cases.items()}
    assert shapes["clip-vit-l-14-336 2 x 24x24"] == (2, 3, 336, 336)
    assert shapes["fusion.mlp"][-2:] == (576, 1024)
    assert shapes["language.layers[0] prefill"] == (2, 586, 4096)
    assert shapes["language.layers[0] decode"] == (2, 1, 4096)
    assert shapes["language prefill"] == (2, 586, 4096)
    with torch.no_grad():
        whole = cases["language prefill"]
        out = whole.build_module("meta")(*whole.build_inputs("meta"))
    assert out.shape == (2, 1, 32_064)
    assert cases["fusion.mlp"].conditions.model == "llava-1.5-7b"


def test_an_image_that_a_model_refuses_is_a_case_that_says_so() -> None:
    spec = model("qwen2-vl-2b")
    choices = Choices(images=(ImageSize(2_000, 5), ImageSize(336, 336)))
    refused, *others = component_cases(spec, choices)
    with pytest.raises(vlcalc.core.errors.VlcalcError, match="2000x5"):
        refused.check()
    assert refused.conditions.image == "2000x5"
    assert len(others) >= 4


def test_a_model_cuts_its_images_itself() -> None:
    with pytest.raises(InputError, match=r"no number of tiles, as a model cuts.*got 4"):
        component_cases(model("llava-1.5-7b"), Choices(num_tiles=(4,)))


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_auto_is_cuda_then_mps_then_the_cpu(monkeypatch, cuda, mps, chosen) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert available_device("auto") == chosen
    assert environment.DEFAULT_DTYPE[chosen] == ("bfloat16" if cuda else "float32")


def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    properties = SimpleNamespace(uuid="cafe-01")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _index: properties)


def test_a_gpu_without_its_tool_has_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gpu(monkeypatch)
    monkeypatch.setenv("PATH", "")
    found = environment.environment("cuda", dtypes=("bfloat16",))
    assert (found.device_name, found.driver, found.clock_hz) == ("NVIDIA H200", None, None)


def test_driver_and_clock_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_gpu(monkeypatch)
    tool = tmp_path / "nvidia-smi"
    script = '#!/bin/sh\n[ "$3 $4" = "-i GPU-cafe-01" ] && echo "575.57.08, 1980"\n'
    tool.write_text(script, encoding="ascii")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = environment.environment("cuda", dtypes=("bfloat16",))
    assert (found.driver, found.clock_hz) == ("575.57.08", 1.98e9)


def test_products_in_tf32_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gpu(monkeypatch)
    monkeypatch.setenv("PATH", "")
    summaries = []
    for precision in ("highest", "high"):
        monkeypatch.setattr(torch, "get_float32_matmul_precision", partial(str, precision))
        summaries.append(environment.environment("cuda", dtypes=("float32",)).summary)
    assert ["TF32" in each for each in summaries] == [False, True]
