"""What this machine has: from fakes of torch and of the operating system, and for real."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vlcalc.measurement import detect as module
from vlcalc.measurement.detect import detect, detected_table

CPU = "AMD EPYC 9B14 96-Core Processor"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nmodel\t\t: 17\nmodel name\t: {CPU}\n", encoding="utf-8")
    monkeypatch.setattr(module, "CPU_INFO", path)
    monkeypatch.setattr(module, "main_memory_bytes", lambda: 64 << 30)
    monkeypatch.setattr(module, "num_cores", lambda: 8)
    return path


def fake_torch(monkeypatch: pytest.MonkeyPatch, *cards: tuple[str, int], mps: bool = False) -> None:
    properties = [
        SimpleNamespace(name=name, total_memory=memory, major=9, minor=0) for name, memory in cards
    ]
    cuda = SimpleNamespace(
        is_available=lambda: bool(cards),
        device_count=lambda: len(cards),
        get_device_properties=lambda index: properties[index],
    )
    backends = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps))
    monkeypatch.setattr(module, "has_torch", lambda: True)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda, backends=backends))


def cells(index: int) -> dict[str, Any]:
    table = detected_table(detect())
    keys = [column.key for column in table.columns]
    return dict(zip(keys, list(table.rows)[index], strict=True))


def test_cards_and_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_torch(monkeypatch, ("NVIDIA H200", 150_120_000_000), ("NVIDIA H20", 102_000_000_000))
    first, second, cpu = detect()
    assert (first.device, first.detail) == ("cuda:0", "compute capability 9.0")
    assert first.match.device is not None
    assert first.match.device.name == "h200-sxm"
    assert (second.device, second.match.device) == ("cuda:1", None)
    assert (cpu.device, cpu.name, cpu.detail, cpu.memory_bytes) == ("cpu", CPU, "8 cores", 64 << 30)
    assert cells(0)["bfloat16_flops_per_s"] == 989.4e12
    assert cells(0)["bandwidth_bytes_per_s"] == 4.8e12


def test_an_unknown_card_has_no_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_torch(monkeypatch, ("NVIDIA H20", 102_000_000_000))
    row = cells(0)
    assert row["name"] == "unknown: measure it with `vlcalc devices calibrate`"
    assert {value for key, value in row.items() if key.endswith("per_s")} == {None}


def test_candidates_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_torch(monkeypatch, ("NVIDIA H100", 84_000_000_000))
    table = detected_table(detect())
    assert cells(0)["name"] == "h100-nvl or h100-pcie or h100-sxm"
    assert cells(0)["bfloat16_flops_per_s"] is None
    assert table.notes == (
        "cuda:0 may be h100-nvl or h100-pcie or h100-sxm; its peaks are not taken.",
    )


@pytest.mark.parametrize(
    ("displays", "name"),
    [
        ([{"sppci_model": "Apple M2 Max", "sppci_cores": "38"}], "apple-m2-max-38c"),
        ([{"sppci_model": "Apple M2 Max", "sppci_cores": "30"}], None),
        ([{"sppci_model": "no cores given"}], "apple-m2-max-38c (candidate)"),
        ("no list", "apple-m2-max-38c (candidate)"),
    ],
)
def test_a_mac(
    monkeypatch: pytest.MonkeyPatch, machine: Path, displays: object, name: str | None
) -> None:
    machine.unlink()

    def output_of(*command: str) -> str:
        if command[0] == "sysctl":
            return "Apple M2 Max\n"
        return json.dumps({"SPDisplaysDataType": displays})

    monkeypatch.setattr(module, "_output_of", output_of)
    monkeypatch.setattr(module, "_is_mac", lambda: True)
    fake_torch(monkeypatch, mps=True)
    mps, cpu = detect()
    assert (mps.device, cpu.device, cpu.name) == ("mps", "cpu", "Apple M2 Max")
    candidates = [f"{each} (candidate)" for each in mps.match.candidates]
    found = mps.match.device.name if mps.match.device else "".join(candidates) or None
    assert found == name


def test_without_torch_there_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_torch", lambda: False)
    monkeypatch.setitem(sys.modules, "torch", None)
    (cpu,) = found = detect()
    assert (cpu.device, cpu.name) == ("cpu", CPU)
    (note,) = detected_table(found).notes
    assert note.startswith("torch is missing, so only the CPU is seen")


def test_a_processor_without_a_name(monkeypatch: pytest.MonkeyPatch, machine: Path) -> None:
    machine.write_text("processor\t: 0\nmodel name\t: \nBogoMIPS\t: 50.00\n", encoding="utf-8")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(module, "has_torch", lambda: False)
    (cpu,) = detect()
    assert cpu.name == "aarch64"


def test_a_command_that_fails_says_nothing() -> None:
    assert module._output_of("no-such-command-at-all") == ""
    assert module._output_of(sys.executable, "-c", "import sys; print(1); sys.exit(1)") == ""
    assert module._output_of(sys.executable, "-c", "print(1)") == "1\n"


def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert module.cpu_name()
    assert 1 <= module.num_cores() <= (os.cpu_count() or 1)
    memory = module.main_memory_bytes()
    assert memory is None or memory > 1 << 28


def test_the_command(run: Callable[..., Any]) -> None:
    rows = json.loads(run("devices", "detect", "-f", "json").out)["rows"]
    assert (rows[-1]["device"], rows[-1]["reported_as"]) == ("cpu", CPU)


def test_importing_it_imports_no_torch() -> None:
    code = "import sys, vlcalc.measurement.detect; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
