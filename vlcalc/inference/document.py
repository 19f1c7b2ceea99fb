"""What inference costs, as one document of plain values: what `--format json` writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vlcalc.inference.costs import PhaseCost
from vlcalc.inference.inference import Inference
from vlcalc.inference.stages import loaded_params, stage_parts, trainable_params
from vlcalc.inference.tables import conventions
from vlcalc.inference.tree import tree
from vlcalc.inference.verify import Check
from vlcalc.spec.schema import TrainingStage


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
        "params": {"total": inference.params.total, **inference.params._asdict()},
        "weight_bytes": {"total": inference.weights.total, **inference.weights._asdict()},
        "tree": [part._asdict() for part in tree(inference)],
        "tokens": _tokens(inference),
        "phases": [_phase(cost) for cost in inference.phases],
        "flops": inference.flops,
        "kv_cache_bytes": _cache(inference),
        "peak_activation_bytes": inference.peak_activation_bytes,
        "total_bytes": inference.total_bytes,
        "conventions": list(conventions(inference)),
        "sources": {"params": "exact", "flops": "exact", "bytes": "counted", "tokens": "exact"},
    }
    if stage:
        document["stage"] = _stage(inference, stage)
    if checks:
        document["checks"] = [{**check._asdict(), "verdict": check.verdict} for check in checks]
    return document


def _request(inference: Inference) -> dict[str, Any]:
    load = inference.plan.load
    return {
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
