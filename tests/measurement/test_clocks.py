"""Clocks of CUDA and MPS, on fakes: events, graphs, waiting. The path on a GPU is not run here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from vlcalc.measurement.clocks import CLOCKS, CudaClock, MpsClock, _side_stream, in_tf32
from vlcalc.measurement.harness import time_calls


class Device:
    """A device that notes what it is asked to do; its time passes by what runs."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.now_ms = 0.0
        self.fails_to_capture = False
        self.stream = "usual"
        self.mode: int | str = 0

    def work(self) -> None:
        self.log.append("work")
        self.now_ms += 4.0


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    fake = Device()

    class Event:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            self.at_ms = fake.now_ms

        def synchronize(self) -> None:
            fake.log.append("wait")

        def elapsed_time(self, other: Event) -> float:
            return other.at_ms - self.at_ms

    class Stream:
        def __init__(self, name: str = "side") -> None:
            self.name = name

        def wait_stream(self, other: Stream) -> None:
            fake.log.append(f"{self.name} after {other.name}")

    class Graph:
        def replay(self) -> None:
            fake.log.append("replay")
            fake.now_ms += 0.5

    @contextmanager
    def capture(_graph: Graph, *, stream: Stream) -> Any:
        fake.log.append("capture")
        fake.stream = stream.name
        if fake.fails_to_capture:  # as torch does: it does not go back to the stream before
            raise RuntimeError("operation not permitted when stream is capturing")
        yield
        fake.log.append("captured")

    @contextmanager
    def on(stream: Stream) -> Any:
        before, fake.stream = fake.stream, stream.name
        try:
            yield
        finally:
            fake.stream = before

    def wait() -> None:
        fake.log.append("wait")

    def set_mode(mode: int | str) -> None:
        fake.mode = mode

    for name, value in {
        "Event": Event,
        "Stream": Stream,
        "CUDAGraph": Graph,
        "graph": capture,
        "stream": on,
        "current_stream": lambda: Stream(fake.stream),
        "synchronize": wait,
        "get_sync_debug_mode": lambda: fake.mode,
        "set_sync_debug_mode": set_mode,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    _side_stream.cache_clear()
    monkeypatch.setattr(torch.mps, "synchronize", wait)
    yield fake
    _side_stream.cache_clear()


def test_events_tell_seconds_and_are_waited_for(device: Device) -> None:
    assert CudaClock().seconds(device.work) == 0.004
    assert device.log == ["work", "wait"]


def test_a_recording_runs_once_before_it_is_captured(device: Device) -> None:
    replay = CudaClock().record([device.work, device.work])
    assert device.log == [
        "side after usual",
        *("work", "work", "capture", "work", "work", "captured"),
        "usual after side",
    ]
    assert replay is not None
    assert CudaClock().seconds(replay) == 0.0005


def test_a_failed_capture_is_no_recording(device: Device) -> None:
    device.fails_to_capture = True
    assert CudaClock().record([device.work]) is None
    assert device.log[-1] == "wait"
    assert device.stream == "usual"


def test_what_waits_for_the_device_is_not_captured(device: Device) -> None:
    def work() -> None:
        if device.mode == "error":
            raise RuntimeError("called a synchronizing CUDA operation")

    assert CudaClock().record([work]) is None
    assert "capture" not in device.log
    assert (device.stream, device.mode) == ("usual", 0)


def test_all_recordings_have_one_stream(device: Device) -> None:
    assert all(CudaClock().record([device.work]) for _ in range(2))
    assert _side_stream() is _side_stream()


def test_long_calls_are_not_recorded(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CudaClock, "record_below_s", 0.001)
    timing = time_calls(device.work, device="cuda", min_time_s=0.02, warmups=1)
    assert "capture" not in device.log
    assert timing.median_s == pytest.approx(0.004)
    assert timing.num_runs == 5


def test_short_calls_are_recorded(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CudaClock, "record_below_s", 0.01)
    timing = time_calls(device.work, [(), ()], device="cuda", min_time_s=0.005, warmups=1)
    assert device.log.count("capture") == 1
    assert timing.median_s == pytest.approx(0.0005 / 2)


def test_metal_is_waited_for_on_both_sides(device: Device) -> None:
    assert MpsClock().seconds(device.work) > 0
    assert device.log == ["wait", "work", "wait"]


def test_every_device_has_a_clock() -> None:
    assert set(CLOCKS) == {"cpu", "cuda", "mps"}
    assert CLOCKS["cpu"]().record([lambda: None]) is None


def test_tf32_is_cudas_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not in_tf32("cuda")
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    assert in_tf32("cuda")
    assert not in_tf32("cpu")
