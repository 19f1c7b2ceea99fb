"""A model's parameters and weight bytes as a tree: components, their parts, layers times each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vlcalc.cost.components import dims_of, fusion_params, language_params, shape_of, vision_params
from vlcalc.inference.inference import Inference
from vlcalc.inference.memory import inserted_linears, language_linears, saved_bytes
from vlcalc.spec.schema import ExtraParams, VisionSpec


class Part(NamedTuple):
    """One line: a component or a part of it.

    Attributes:
        path: parts are behind a point.
        level: steps below the whole.
        params: None where they are not known.
        weight_bytes: likewise.
        source: `exact`, `published` where nothing but a figure is known, None for nothing at all.
    """

    path: str
    level: int
    name: str
    params: int | None
    weight_bytes: int | None
    source: str | None = "exact"


def tree(found: Inference) -> Iterator[Part]:
    """Yield the whole, each component, and below it its parts; parts sum to their component."""
    for part in _parts(found):
        yield part._replace(source=None) if part.params is None else part


def _parts(found: Inference) -> Iterator[Part]:
    spec, params, weights = found.plan.spec, found.params, found.weights
    source = "published" if any(vision.opaque for vision in spec.encoders) else "exact"
    yield Part("", 0, spec.name, params.total, weights.total, source)
    yield Part("vision", 1, "vision", params.vision, weights.vision, source)
    for vision in spec.encoders:
        yield from _vision(vision, found)
    yield from _extra(found, "vision")
    kind = spec.fusion.kind if spec.fusion else "unknown"
    yield Part("fusion", 1, f"fusion ({kind})", params.fusion, weights.fusion)
    yield from _fusion(found)
    yield from _extra(found, "fusion")
    yield Part("language", 1, "language", params.language, weights.language)
    yield from _language(found)
    yield from _extra(found, "language")
    if params.other:
        yield Part("other", 1, "other", params.other, weights.other)
        yield from _extra(found, "other")


def _vision(vision: VisionSpec, found: Inference) -> Iterator[Part]:
    bytes_each, path = found.plan.load.dtype_bytes, f"vision.{vision.name}"
    params = vision_params(vision)
    source = "published" if vision.opaque else "exact"
    yield Part(path, 2, vision.name, params, _times(params, bytes_each), source)
    if vision.encoder is None:
        return
    for name, count in vision.encoder.params_by_part()._asdict().items():
        shown = f"layers ({vision.encoder.total_depth})" if name == "layers" else _words(name)
        if count:
            yield Part(f"{path}.{name}", 3, shown, count, count * bytes_each)


def _fusion(found: Inference) -> Iterator[Part]:
    spec, load, inserted = found.plan.spec, found.plan.load, found.plan.inserted
    if inserted is None or fusion_params(spec) is None:
        return
    dims = dims_of(spec)
    number, each = len(inserted.layer_positions(dims)), inserted.layer_params(dims)
    if connector := inserted.connector_params(dims):
        name = "resampler" if inserted.resampler else "projection"
        yield Part(f"fusion.{name}", 2, name, connector, connector * load.dtype_bytes)
    saved = saved_bytes(inserted_linears(found.plan), load)
    params = number * each
    size = params * load.dtype_bytes - saved
    yield Part("fusion.layers", 2, f"layers in the language model ({number})", params, size)


def _language(found: Inference) -> Iterator[Part]:
    spec, load = found.plan.spec, found.plan.load
    shape = shape_of(spec.language)
    if shape is None or language_params(spec.language) is None:
        return
    saved = saved_bytes(language_linears(found.plan), load)
    for name, count in shape.params_by_part()._asdict().items():
        depth = getattr(shape, f"{name}_depth", None) or getattr(shape, "depth", None)
        stack = name in ("layers", "encoder", "decoder")
        shown = f"{_words(name)} ({depth})" if stack else _words(name)
        size = count * load.dtype_bytes - (saved if name == "layers" else 0)
        if count:
            yield Part(f"language.{name}", 2, shown, count, size)


def _extra(found: Inference, component: str) -> Iterator[Part]:
    for extra in found.plan.spec.extra_params:
        if extra.component == component:
            count = _extra_params(found, extra)
            size = count * found.plan.load.dtype_bytes
            yield Part(f"{component}.extra", 2, extra.what, count, size)


def _extra_params(found: Inference, extra: ExtraParams) -> int:
    shape = shape_of(found.plan.spec.language)
    return extra.params or (extra.num_text_vectors or 0) * (shape.width if shape else 0)


def _times(count: int | None, factor: int) -> int | None:
    return None if count is None else count * factor


def _words(name: str) -> str:
    return name.replace("_", " ")
