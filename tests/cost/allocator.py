"""The CPU allocator's own trace of a forward pass: what a prediction is held against."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile


def traced_peak_bytes(module: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Return the most bytes that a forward pass had allocated at once, by the profiler's events.

    Weights and inputs are there before and are not in it.
    """
    module = module.eval()
    with torch.no_grad():
        module(*inputs)  # one-time caches of libraries are not the module's
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            out = module(*inputs)
    del out
    result = profiler.profiler.kineto_results
    events = [event for event in result.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda each: each.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak
