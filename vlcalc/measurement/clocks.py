"""How long a device takes: the clock of the CPU, events of CUDA, a synchronised clock on MPS."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

Call = Callable[[], Any]


class Clock:
    """The clock of the CPU, where a call returns when its work is done.

    Attributes:
        min_block_s: a block of runs lasts at least this long, so that its ends cost nothing.
        record_below_s: a call shorter than this is recorded and replayed, where that can be done.
    """

    min_block_s = 1e-3
    record_below_s = 0.0

    def settle(self) -> None:
        """Wait until the device has done what it was asked to do."""

    def seconds(self, run: Call) -> float:
        """Return what a run takes on the device."""
        self.settle()
        start = time.perf_counter()
        run()
        self.settle()
        return time.perf_counter() - start

    def record(self, calls: Sequence[Call]) -> Call | None:
        """Return what replays the calls without launching each kernel; None where that fails."""
        del calls
        return None


class MpsClock(Clock):
    """The clock of the CPU around work that Metal is waited for."""

    min_block_s = 1e-2

    def settle(self) -> None:
        torch.mps.synchronize()


class CudaClock(Clock):
    """CUDA events, which see the device's time alone.

    A module of hundreds of kernels takes Python milliseconds to launch, so that even longer calls
    are recorded: their replay takes what the kernels take.
    """

    min_block_s = 1e-3
    record_below_s = 1e-2

    def settle(self) -> None:
        torch.cuda.synchronize()

    def seconds(self, run: Call) -> float:
        start, end = _event(), _event()
        start.record()
        run()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3  # milliseconds

    def record(self, calls: Sequence[Call]) -> Call | None:
        here, side = torch.cuda.current_stream(), _side_stream()
        graph = torch.cuda.CUDAGraph()
        try:
            # A capture that fails leaves torch on its stream, were it not for the block around it.
            with torch.cuda.stream(side):
                side.wait_stream(here)
                with _waiting_refused():  # what is captured must have run before on its stream
                    _call_all(calls)
                with torch.cuda.graph(graph, stream=side):
                    _call_all(calls)
        except RuntimeError:  # an operator that waits for the device; too little memory
            torch.cuda.synchronize()
            return None
        here.wait_stream(side)
        return graph.replay


@cache
def _side_stream() -> torch.cuda.Stream:
    """Return the stream of all recordings: cuBLAS keeps a workspace for each that it has seen."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


@contextmanager
def _waiting_refused() -> Iterator[None]:
    """Let an operator that waits for the device fail while the block runs.

    It would fail in a capture too, but after that torch's allocator and random numbers still are
    in the capture. Source: pytorch aten/src/ATen/cuda/CUDAGraph.cpp::capture_end and reset.
    """
    before = torch.cuda.get_sync_debug_mode()
    _set_sync_debug_mode("error")
    try:
        yield
    finally:
        _set_sync_debug_mode(before)


def _set_sync_debug_mode(mode: int | str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Synchronization debug mode", UserWarning)
        torch.cuda.set_sync_debug_mode(mode)


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def _call_all(calls: Sequence[Call]) -> None:
    for call in calls:
        call()


CLOCKS: dict[str, type[Clock]] = {"cpu": Clock, "cuda": CudaClock, "mps": MpsClock}


def in_tf32(device: str) -> bool:
    """Tell whether products of float32 run in TF32, which NVIDIA's containers switch on."""
    return device == "cuda" and torch.get_float32_matmul_precision() != "highest"
