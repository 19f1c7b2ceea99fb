"""The device of this machine: measured, listed or unknown; and what `devices calibrate` keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from vlcalc.cli import progress
from vlcalc.core.errors import InputError
from vlcalc.measurement import calibrate as calibrate_module
from vlcalc.measurement import here
from vlcalc.measurement.detect import Detected
from vlcalc.measurement.here import detected, device_here, own_name, with_calibration
from vlcalc.spec.calibration import Axis, Calibration, RateTable
from vlcalc.spec.devices import load_device, user_folder
from vlcalc.spec.reported_names import Match

MEASURED = Calibration(
    machine="AMD EPYC 9B14",
    date="2026-11-21",
    torch="2.13.0",
    threads=1,
    operator_s=3.1e-6,
    flops_per_s={"float32": 105e9},
    bandwidth_bytes_per_s=39.12e9,
    rates={
        "float32": {"mm": RateTable(axes=(Axis(of="rows", sizes=(1.0, 16.0)),), rates=(8e9, 105e9))}
    },
)
CPU = Detected("cpu", "AMD EPYC 9B14", 64 << 30, "8 cores", Match(None))
H200 = Detected("cuda:0", "NVIDIA H200", 150 << 30, "", Match(load_device("h200-sxm")))
H20 = Detected("cuda:1", "NVIDIA H20", 95 << 30, "", Match(None))


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(here, "detect", lambda: [H200, H20, CPU])


def keep(found: Detected, threads: int = 1) -> None:
    from vlcalc.spec.listing import spec_yaml

    user_folder().mkdir(parents=True, exist_ok=True)
    spec = with_calibration(found, threads, MEASURED)
    (user_folder() / f"{spec.name}.yaml").write_text(spec_yaml(spec), encoding="utf-8")


def test_a_listed_card_is_as_it_is_listed_until_it_is_measured() -> None:
    assert device_here("cuda", 1) == load_device("h200-sxm")
    keep(H200)
    spec = device_here("cuda", 1)
    assert spec is not None
    assert spec.calibration == MEASURED
    assert spec.flops_per_s["bfloat16"] == 989.4e12
    assert load_device("h200").calibration == MEASURED


def test_a_cpu_is_unknown_until_it_is_measured_with_as_many_threads() -> None:
    assert device_here("cpu", 1) is None
    keep(CPU, threads=1)
    keep(CPU, threads=2)
    one, two, four = (device_here("cpu", threads) for threads in (1, 2, 4))
    assert one is not None
    assert two is not None
    assert four is None
    assert (one.name, one.title) == ("amd-epyc-9b14-1-thread", "AMD EPYC 9B14, 1 thread")
    assert (two.name, two.title) == ("amd-epyc-9b14-2-threads", "AMD EPYC 9B14, 2 threads")
    assert (one.kind, one.memory_bytes, one.calibration) == ("cpu", 64 << 30, MEASURED)


def test_an_unlisted_card_is_kept_under_the_name_that_it_reports() -> None:
    assert own_name(H20, 1) == "nvidia-h20"
    spec = with_calibration(H20, 1, MEASURED)
    assert (spec.kind, spec.reported_as, spec.flops_per_s) == (
        "gpu",
        ("NVIDIA H20",),
        {"float32": 105e9},
    )
    assert spec.notes == ("Its peaks are the highest rates that were measured.",)
    assert own_name(Detected("mps", "", None, "", Match(None)), 1) == "device"


def test_a_device_that_is_not_here() -> None:
    assert detected("cuda") == H200
    with pytest.raises(InputError, match="got `mps`; here: `cuda:0`, `cuda:1`, `cpu`"):
        detected("mps")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What the fake measurement was asked for: device and threads."""
    asked: list[tuple[str, int]] = []

    def calibrate(device: str, *, on_progress: Callable[[int, int, str], None] | None) -> object:
        asked.append((device, torch.get_num_threads()))
        for done in range(3):
            if on_progress:
                on_progress(done, 3, "products")
        return MEASURED

    monkeypatch.setattr(calibrate_module, "measure_rates", calibrate)
    monkeypatch.setattr(here, "detect", lambda: [CPU])
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    return asked


def test_calibrate_keeps_what_it_measured_for_later(
    run: Callable[..., Any], measured: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    ran = run("devices", "calibrate", "--threads", "1")
    path = user_folder() / "amd-epyc-9b14-1-thread.yaml"
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines()[0] == f"AMD EPYC 9B14 is measured: {path}"
    assert "predictions for this machine use it" in ran.err
    assert measured == [("cpu", 1)]
    spec = device_here("cpu", 1)
    assert spec is not None
    assert spec.calibration == MEASURED
    assert list(path.parent.iterdir()) == [path]
    shown = run("devices", "show", "amd-epyc-9b14-1-thread").out
    assert "2026-11-21" in shown
    assert "0.105 TFLOP/s, ridge 2.7 FLOP/byte" in shown
    assert "measured time per operator   3.10 us" in shown
    assert "share of peak" not in shown


def test_calibrate_to_a_file(
    run: Callable[..., Any], measured: list[tuple[str, int]], tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    ran = run("devices", "calibrate", "--device", "cpu", "--output", str(path))
    assert ran.code == 0
    assert f"`vlcalc devices show {path}` shows it" in ran.err
    assert load_device(str(path)).calibration == MEASURED
    assert not user_folder().exists()
    assert len(measured) == 1


def test_nothing_is_measured_where_it_could_not_be_written(
    run: Callable[..., Any], measured: list[tuple[str, int]], tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("a file, not a folder", encoding="utf-8")
    ran = run("devices", "calibrate")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {user_folder()}: expected a folder that can be made")
    assert ran.err.endswith("; `--output FILE.yaml` writes elsewhere\n")
    ran = run("devices", "calibrate", "--output", str(tmp_path / "mine.json"))
    assert ran.err.startswith("error: --output: expected a file ending in `.yaml`")
    assert (ran.code, measured) == (1, [])


def test_a_folder_is_refused_before_measuring(
    run: Callable[..., Any], measured: list[tuple[str, int]], tmp_path: Path
) -> None:
    path = tmp_path / "folder.yaml"
    path.mkdir()
    ran = run("devices", "calibrate", "--output", str(path))
    expected = f"error: --output {path}: expected a file that can be written, got a folder\n"
    assert (ran.code, ran.out, ran.err, measured) == (1, "", expected, [])


def test_calibrate_without_the_device_or_torch(
    run: Callable[..., Any], measured: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ran = run("devices", "calibrate", "--device", "cuda")
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert ran.err.startswith("error: --device: expected a device that torch sees here, got `cuda`")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ran = run("devices", "calibrate")
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "which measures devices, got no torch and no fvcore; pip install" in ran.err
    assert measured == []


def test_an_interrupted_calibration_leaves_no_file(
    run: Callable[..., Any], measured: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(device: str, *, on_progress: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(calibrate_module, "measure_rates", interrupted)
    ran = run("devices", "calibrate")
    assert (ran.code, ran.out) == (130, "")
    assert list(user_folder().iterdir()) == []


@pytest.mark.usefixtures("measured")
def test_progress_is_for_terminals(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[object, ...]] = []

    def update(self: object, task: object, **state: object) -> None:
        drawn.append((state["completed"], state["total"], state["description"]))

    monkeypatch.setattr("rich.progress.Progress.update", update)
    assert run("devices", "calibrate").code == 0
    assert drawn == []
    terminal = SimpleNamespace(stderr=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(progress, "sys", terminal)
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 0.0)
    assert run("devices", "calibrate").code == 0
    assert drawn == [(done, 3, "products") for done in range(3)]
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 1e9)  # too often is not drawn
    assert run("devices", "calibrate").code == 0
    assert len(drawn) == 3
