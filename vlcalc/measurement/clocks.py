"""How long a device takes: the clock of the CPU, events of CUDA, a synchronised clock on MPS."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
    """CUDA events, which see the device's time alone."""

    min_block_s = 1e-3
    record_below_s = 1e-3

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
        # What is captured must have run before, on a stream that is not the default one.
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        try:
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                _call_all(calls)
            torch.cuda.current_stream().wait_stream(stream)
            with torch.cuda.graph(graph):
                _call_all(calls)
        except RuntimeError:  # an operator that waits for the device, or allocates outside torch
            torch.cuda.synchronize()
            return None
        return graph.replay


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def _call_all(calls: Sequence[Call]) -> None:
    for call in calls:
        call()


CLOCKS: dict[str, type[Clock]] = {"cpu": Clock, "cuda": CudaClock, "mps": MpsClock}
