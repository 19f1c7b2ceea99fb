"""Latency and memory of devices as plain values: what `--format json` writes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from vlcalc.inference.document import by_component
from vlcalc.serving.fit import DeviceFit
from vlcalc.serving.latency import Speed
from vlcalc.serving.memory import MemoryLayout
from vlcalc.serving.notes import memory_notes, speed_notes


def speed_document(speed: Speed) -> dict[str, Any]:
    """Return predicted times in seconds; None is unknown."""
    of_answer = {
        "time_to_first_token_s": speed.time_to_first_token_s,
        "time_per_output_token_s": speed.time_per_output_token_s,
        "last_output_token_s": speed.last_step_s,
        "tokens_per_s": speed.tokens_per_s,
        "batch_tokens_per_s": speed.batch_tokens_per_s,
    }
    return {
        "device": speed.device.name,
        "tp": speed.tp,
        "source": speed.source,
        **(of_answer if speed.answers else {}),
        **({"images_per_s": speed.images_per_s} if speed.has("encode") else {}),
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
    inference, cache = layout.inference, layout.inference.cache
    components = inference.plan.spec.components
    cached = {"kv_cache_bytes": cache and {"total": cache.total, **cache._asdict()}}
    return {
        "device": layout.device.name,
        "tp": layout.tp,
        "memory_bytes": layout.memory_bytes,
        "reserve_bytes": layout.reserve_bytes,
        "weight_bytes": by_component(inference.weights, inference.plan.spec),
        **(cached if "language" in components else {}),
        "peak_activation_bytes": inference.peak_activation_bytes,
        "workspace_bytes": layout.workspace_bytes,
        "used_bytes": layout.used_bytes,
        "left_bytes": layout.left_bytes,
    }
