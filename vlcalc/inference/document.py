"""What inference costs, as one document of plain values: what `--format json` writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vlcalc.cost.components import ByComponent
from vlcalc.inference.costs import PhaseCost
from vlcalc.inference.inference import Inference
from vlcalc.inference.stages import loaded_params, stage_parts, trainable_params
from vlcalc.inference.tables import conventions
from vlcalc.inference.tree import tree
from vlcalc.inference.verify import Check
from vlcalc.spec.schema import ModelSpec, Part, TrainingStage

# Of a request: what is asked of a component, and of no other.
KEYS_OF: dict[Part, tuple[str, ...]] = {
    "vision": ("image", "num_images"),
    "language": ("text_tokens", "output_tokens", "kv_dtype", "quantisation", "logits"),
}


def to_document(
    inference: Inference, *, stage: TrainingStage | None = None, checks: Sequence[Check] = ()
) -> dict[str, Any]:
    """Return everything that is known, in base units; None is unknown.

    Args:
        inference: what it costs.
        stage: a stage of training to add.
        checks: counts each way to add.
    """
    spec = inference.plan.spec
    document: dict[str, Any] = {
        "model": spec.name,
        "title": spec.title,
        "request": _request(inference),
        "params": by_component(inference.params, spec),
        "weight_bytes": by_component(inference.weights, spec),
        "tree": [part._asdict() for part in tree(inference)],
        "tokens": _tokens(inference) if "language" in spec.components else _vectors(inference),
        "phases": [_phase(cost) for cost in inference.phases],
        "flops": inference.flops,
        **({"kv_cache_bytes": _cache(inference)} if "language" in spec.components else {}),
        "peak_activation_bytes": inference.peak_activation_bytes,
        "total_bytes": inference.total_bytes,
        "conventions": list(conventions(inference)),
        "sources": {"params": "exact", "flops": "exact", "bytes": "counted", "tokens": "exact"},
    }
    if inference.plan.load.kept_as_stored:
        document["sources"]["weight_bytes"] = "stored"
    if stage:
        document["stage"] = _stage(inference, stage)
    if checks:
        document["checks"] = [{**check._asdict(), "verdict": check.verdict} for check in checks]
    return document


def by_component(counts: ByComponent, spec: ModelSpec) -> dict[str, int | None]:
    """Return a count of each component that there is, and their total."""
    by_name = counts._asdict()
    of_whole = {"other": counts.other} if "fusion" in spec.components else {}
    return {"total": counts.total, **{part: by_name[part] for part in spec.components}, **of_whole}


def _vectors(inference: Inference) -> dict[str, int | None]:
    """Return what an encoder by itself makes of an image; None where it is not modelled."""
    calls = inference.plan.encoder_calls
    if not calls or calls[0].vision.encoder is None:
        return {"columns": None, "rows": None, "positions": None}
    columns, rows = calls[0].columns, calls[0].rows
    positions = calls[0].vision.encoder.sequence_length(columns, rows)
    return {"columns": columns, "rows": rows, "positions": positions}


def _request(inference: Inference) -> dict[str, Any]:
    load, components = inference.plan.load, inference.plan.spec.components
    request: dict[str, Any] = {
        "image": str(load.image),
        "num_images": load.num_images,
        "text_tokens": load.text_tokens,
        "output_tokens": load.output_tokens,
        "batch_size": load.batch_size,
        "dtype": load.dtype,
        "kv_dtype": load.kv_dtype or load.dtype,
        "quantisation": load.quantisation.name if load.quantisation else None,
        "logits": load.logits,
        "attention": load.attention,
    }
    absent = [key for part, keys in KEYS_OF.items() if part not in components for key in keys]
    return {key: value for key, value in request.items() if key not in absent}


def _tokens(inference: Inference) -> dict[str, Any]:
    budget = inference.plan.budget
    return {
        "image_tokens": budget.image_tokens,
        "extra_tokens": budget.extra_tokens,
        "context_tokens": budget.context_tokens,
        "sequence_length": inference.plan.sequence_length,
        "context_window": budget.context_window,
        "window_share": inference.plan.window_share,
        "tokens_left": inference.plan.tokens_left,
    }


def _phase(cost: PhaseCost) -> dict[str, Any]:
    return {
        "phase": cost.phase,
        "num_tokens": cost.num_tokens,
        "flops": cost.flops,
        "moved_bytes": cost.moved_bytes,
        "intensity": cost.intensity,
        "peak_activation_bytes": cost.peak_activation_bytes,
    }


def _cache(inference: Inference) -> dict[str, int] | None:
    return inference.cache and {"total": inference.cache.total, **inference.cache._asdict()}


def _stage(inference: Inference, stage: TrainingStage) -> dict[str, Any]:
    parts = stage_parts(inference.plan.spec, stage)
    trainable, total = trainable_params(parts), loaded_params(parts)
    return {
        "name": stage.name,
        "note": stage.note,
        "trainable_params": trainable,
        "frozen_params": None if trainable is None or total is None else total - trainable,
        "trainable_share": None if trainable is None or not total else trainable / total,
        "components": [part._asdict() for part in parts],
    }
