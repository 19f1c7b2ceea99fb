"""What a calibration finds out once, whatever the dtype: starts, first touches, caches."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.measurement.microbenchmark import Run, Timer
from vlcalc.spec.calibration import FreshMemory

COPY_BYTES = 2**27
CACHE_SIZES = tuple(2**power for power in range(21, 29))
FRESH_SIZES = (2**24, 2**25, 2**26)
# A first touch is worth a word from twice the time on; a cache from this much less.
CACHED_SHARE = 1.5


class Probes(NamedTuple):
    """What was found out.

    Attributes:
        operator_s: what an operator of a module takes that has nothing to do.
        start_s: likewise, called by itself.
        fresh: what the first touch of a big output costs; None where it costs nothing.
        cache_bytes: up to which size weights stay in a cache between two runs; None: no such size.
        bandwidth_bytes_per_s: of a copy that no cache holds, both ways together.
    """

    operator_s: float
    start_s: float
    fresh: FreshMemory | None
    cache_bytes: int | None
    bandwidth_bytes_per_s: float


def probe(device: str, timer: Timer) -> Probes:
    """Measure a device; fresh memory first, while the heap is still small."""
    fresh = _fresh_memory(device, timer)
    return Probes(
        operator_s=_operator_s(device, timer),
        start_s=timer.seconds(_tiny_operator(device)),
        fresh=fresh,
        cache_bytes=_cache_bytes(device, timer),
        bandwidth_bytes_per_s=_bandwidth(device, timer),
    )


def _fresh_memory(device: str, timer: Timer) -> FreshMemory | None:
    """Find from which size outputs are fresh memory, and what their first touch costs.

    The C library asks the system for each block over a threshold, which rises to 32 MiB as blocks
    are freed: let it be there, as it is once a model was loaded.
    Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    torch.empty(2**25 - 2**16, dtype=torch.uint8)
    slower: list[tuple[int, float]] = []
    for size in FRESH_SIZES:
        x = torch.ones(size // 4, device=device)
        kept = torch.empty_like(x)
        fresh_s = timer.seconds(partial(torch.add, x, 1))
        kept_s = timer.seconds(partial(torch.add, x, 1, out=kept))
        if fresh_s > 2 * kept_s:
            slower.append((size, size / (fresh_s - kept_s)))
        del x, kept
    if not slower:
        return None
    return FreshMemory(min_bytes=slower[0][0], bytes_per_s=_rounded(slower[-1][1]))


def _cache_bytes(device: str, timer: Timer) -> int | None:
    """Find from which size weights no longer stay in a cache from one run to the next."""
    x = torch.ones(1, 1024, device=device)
    weights = torch.ones(max(CACHE_SIZES) // 4096, 1024, device=device)
    by_size = {
        size: timer.seconds(partial(F.linear, x, weights[: size // 4096])) / size
        for size in CACHE_SIZES
    }
    uncached = by_size.pop(max(CACHE_SIZES))
    return max((size for size, each in by_size.items() if CACHED_SHARE * each < uncached),
               default=None)  # fmt: skip


def _bandwidth(device: str, timer: Timer) -> float:
    source = torch.ones(COPY_BYTES // 4, device=device)
    target = torch.empty_like(source)
    return _rounded(2 * COPY_BYTES / timer.seconds(lambda: target.copy_(source)))


def _tiny_operator(device: str) -> Run:
    x = torch.ones(1, device=device)
    return lambda: x + 1


def _operator_s(device: str, timer: Timer) -> float:
    layers = [nn.Linear(1, 1), nn.GELU(), nn.LayerNorm(1)] * 8
    module = nn.Sequential(*layers).to(device).eval()
    x = torch.ones(1, 1, device=device)
    return _rounded(timer.seconds(lambda: module(x)) / len(layers))


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
