"""Measured memory: the allocator's trace, CUDA's peak on fakes, what is free."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from vlcalc.measurement import memory
from vlcalc.measurement.memory import allocated_bytes, free_bytes, run_peak_bytes


def test_the_cpus_trace_sees_every_temporary_and_no_weight() -> None:
    module = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 32)).eval()
    x = torch.randn(10, 64)
    module(x)
    # The hidden layer before and after its activation; then the output beside the latter.
    assert run_peak_bytes(module, (x,), "cpu") == 4 * 10 * (256 + 256)


def test_cudas_peak_is_over_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    def noted(name: str, value: int) -> Callable[[], int]:
        def call() -> int:
            log.append(name)
            return value

        return call

    for name, value in {
        "synchronize": 0,
        "memory_allocated": 1000,
        "reset_peak_memory_stats": 0,
        "max_memory_allocated": 1700,
    }.items():
        monkeypatch.setattr(torch.cuda, name, noted(name, value))
    assert run_peak_bytes(lambda: log.append("run"), (), "cuda") == 700
    assert log.index("reset_peak_memory_stats") < log.index("run")
    assert log[log.index("run") + 1] == "synchronize"
    assert allocated_bytes("cuda") == 1000


def test_who_does_not_tell_is_unknown() -> None:
    assert run_peak_bytes(lambda: None, (), "mps") is None
    assert allocated_bytes("cpu") is None


def test_free_memory_is_the_least_of_machine_and_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:  2048 kB\n", encoding="ascii")
    monkeypatch.setattr(memory, "MEMINFO", meminfo)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert free_bytes("cpu") == 2048 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("100\n")
    assert free_bytes("cpu") == 2048 * 1024
    (tmp_path / "memory.max").write_text("1000\n")
    assert free_bytes("cpu") == 900


def test_free_memory_of_cuda_has_what_torch_only_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 500)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 200)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (10_000, 20_000))
    assert free_bytes("cuda") == 10_300
