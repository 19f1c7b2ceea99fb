"""Clocks of CUDA and MPS, on fakes: events, graphs, waiting. The path on a GPU is not run here."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
import torch

from vlcalc.measurement.clocks import CLOCKS, CudaClock, MpsClock
from vlcalc.measurement.harness import measure


class Device:
    """A device that notes what it is asked to do; its time passes by what runs."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.now_ms = 0.0
        self.fails_to_capture = False

    def work(self) -> None:
        self.log.append("work")
        self.now_ms += 4.0


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
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
        def wait_stream(self, _other: Stream) -> None:
            fake.log.append("order")

    class Graph:
        def replay(self) -> None:
            fake.log.append("replay")
            fake.now_ms += 0.5

    @contextmanager
    def capture(_graph: Graph) -> Any:
        fake.log.append("capture")
        if fake.fails_to_capture:
            raise RuntimeError("operation not permitted when stream is capturing")
        yield
        fake.log.append("captured")

    @contextmanager
    def on(_stream: Stream) -> Any:
        yield

    stream = Stream()
    for name, value in {
        "Event": Event,
        "Stream": Stream,
        "CUDAGraph": Graph,
        "graph": capture,
        "stream": on,
        "current_stream": lambda: stream,
        "synchronize": lambda: fake.log.append("wait"),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.mps, "synchronize", lambda: fake.log.append("wait"))
    return fake


def test_events_tell_seconds_and_are_waited_for(device: Device) -> None:
    assert CudaClock().seconds(device.work) == 0.004
    assert device.log == ["work", "wait"]


def test_a_recording_runs_once_before_it_is_captured(device: Device) -> None:
    replay = CudaClock().record([device.work, device.work])
    assert device.log == ["order", "work", "work", "order", "capture", "work", "work", "captured"]
    assert replay is not None
    assert CudaClock().seconds(replay) == 0.0005


def test_a_failed_capture_is_no_recording(device: Device) -> None:
    device.fails_to_capture = True
    assert CudaClock().record([device.work]) is None
    assert device.log[-1] == "wait"


def test_long_calls_are_not_recorded(device: Device) -> None:
    timing = measure(device.work, device="cuda", min_time_s=0.02, warmups=1)
    assert "capture" not in device.log
    assert timing.median_s == pytest.approx(0.004)
    assert timing.num_runs == 5


def test_short_calls_are_recorded(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CudaClock, "record_below_s", 0.01)
    timing = measure(device.work, [(), ()], device="cuda", min_time_s=0.005, warmups=1)
    assert device.log.count("capture") == 1
    assert timing.median_s == pytest.approx(0.0005 / 2)


def test_metal_is_waited_for_on_both_sides(device: Device) -> None:
    assert MpsClock().seconds(device.work) > 0
    assert device.log == ["wait", "work", "wait"]


def test_every_device_has_a_clock() -> None:
    assert set(CLOCKS) == {"cpu", "cuda", "mps"}
    assert CLOCKS["cpu"]().record([lambda: None]) is None
