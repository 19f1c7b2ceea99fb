"""What a forward pass really takes: the CPU allocator's trace, CUDA's peak, and what is free."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def traced_peak_bytes(module: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Return the most bytes that a forward pass had allocated at once, by the profiler's events.

    Weights and inputs are there before and are not in it.
    """
    module = module.eval()
    with torch.no_grad():
        module(*inputs)  # one-time caches of libraries are not the module's
    return run_peak_bytes(module, inputs, "cpu") or 0


def run_peak_bytes(call: Callable[..., Any], inputs: tuple[Tensor, ...], device: str) -> int | None:
    """Return the most bytes that a warm call had allocated at once; None where no one tells.

    What was there before the call (weights, inputs) is not in it.
    """
    if device == "cpu":
        return _cpu_peak_bytes(call, inputs)
    return _cuda_peak_bytes(call, inputs) if device == "cuda" else None


def _cpu_peak_bytes(call: Callable[..., Any], inputs: tuple[Tensor, ...]) -> int:
    # The profiler would write on stderr that it starts and stops, in the middle of a progress bar.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    with (
        torch.no_grad(),
        profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler,
    ):
        out = call(*inputs)
    del out
    result = profiler.profiler.kineto_results
    events = [event for event in result.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda each: each.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


def _cuda_peak_bytes(call: Callable[..., Any], inputs: tuple[Tensor, ...]) -> int:
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    with torch.no_grad():
        out = call(*inputs)
    torch.cuda.synchronize()
    del out
    return torch.cuda.max_memory_allocated() - before


def allocated_bytes(device: str) -> int | None:
    """Return what torch's allocator has handed out on a device; None where it does not say."""
    if device == "cuda":
        return torch.cuda.memory_allocated()
    return torch.mps.current_allocated_memory() if device == "mps" else None


def free_bytes(device: str) -> int | None:
    """Return the bytes that can still be had on a device; None where no one tells."""
    if device == "cuda":
        cached = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return torch.cuda.mem_get_info()[0] + cached
    if device == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    known = [size for size in (_available_bytes(), _left_of_cgroup_bytes()) if size is not None]
    return min(known, default=None)


def _available_bytes() -> int | None:
    """Return what Linux can give without swapping, else the pages that are free by POSIX."""
    if MEMINFO.is_file():
        for line in MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # another system
        return None


def _left_of_cgroup_bytes() -> int | None:
    """Return what the limit of a container leaves; None without one."""
    try:
        limit, used = ((CGROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        return int(limit) - int(used)
    except (OSError, ValueError):  # no such file, or `max`: no limit
        return None
