"""Latency and memory of devices as plain values: what `--format json` writes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from vlcalc.serving.fit import DeviceFit
from vlcalc.serving.latency import Speed
from vlcalc.serving.memory import MemoryLayout
from vlcalc.serving.notes import memory_notes, speed_notes


def speed_document(speed: Speed) -> dict[str, Any]:
    """Return predicted times in seconds; None is unknown."""
    return {
        "device": speed.device.name,
        "tp": speed.tp,
        "source": speed.source,
        "time_to_first_token_s": speed.time_to_first_token_s,
        "time_per_output_token_s": speed.time_per_output_token_s,
        "last_output_token_s": speed.last_step_s,
        "tokens_per_s": speed.tokens_per_s,
        "batch_tokens_per_s": speed.batch_tokens_per_s,
        "images_per_s": speed.images_per_s,
        "total_s": speed.total_s,
        "phases": [{**asdict(phase), "bound": phase.bound} for phase in speed.phases],
        "notes": list(speed_notes(speed)),
    }


def fit_document(fit: DeviceFit) -> dict[str, Any]:
    """Return memory, limits and speed of a load on devices."""
    layout = fit.layout
    return {
        "model": layout.inference.plan.spec.name,
        "fits": fit.fits,
        "memory": {**_layout(layout), "notes": list(memory_notes(layout, fit.reserve))},
        "limits": {
            limit.name: {"value": limit.value, "bound": limit.bound} for limit in fit.limits
        },
        "speed": speed_document(fit.speed),
        "remedies": list(fit.remedies),
    }


def _layout(layout: MemoryLayout) -> dict[str, Any]:
    weights, cache = layout.inference.weights, layout.inference.cache
    return {
        "device": layout.device.name,
        "tp": layout.tp,
        "memory_bytes": layout.memory_bytes,
        "reserve_bytes": layout.reserve_bytes,
        "weight_bytes": {"total": weights.total, **weights._asdict()},
        "kv_cache_bytes": cache and {"total": cache.total, **cache._asdict()},
        "peak_activation_bytes": layout.inference.peak_activation_bytes,
        "workspace_bytes": layout.workspace_bytes,
        "used_bytes": layout.used_bytes,
        "left_bytes": layout.left_bytes,
    }
