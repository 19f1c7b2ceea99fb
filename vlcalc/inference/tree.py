"""A model's parameters and weight bytes as a tree: components, their parts, layers times each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vlcalc.cost.components import dims_of, fusion_params, vision_params
from vlcalc.inference.inference import Inference
from vlcalc.inference.memory import inserted_linears, saved_bytes
from vlcalc.spec.alone import PartAlone
from vlcalc.spec.schema import ExtraParams, VisionSpec


class TreePart(NamedTuple):
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


def tree(inference: Inference) -> Iterator[TreePart]:
    """Yield the whole, each component, and below it its parts; parts sum to their component.

    The bytes of parts are not known where a checkpoint's files say those of components.
    """
    as_stored = inference.plan.load.kept_as_stored is not None
    for part in _parts(inference):
        if as_stored and part.level > 1:
            part = part._replace(weight_bytes=None)  # noqa: PLW2901
        yield part._replace(source=None) if part.params is None else part


def _parts(inference: Inference) -> Iterator[TreePart]:
    spec, params, weights = inference.plan.spec, inference.params, inference.weights
    source = "published" if any(vision.opaque for vision in spec.encoders) else "exact"
    whole = TreePart("", 0, spec.name, params.total, weights.total, source)
    if isinstance(spec, PartAlone):
        yield from _alone(whole, spec, inference)
        return
    yield whole
    yield TreePart("vision", 1, "vision", params.vision, weights.vision, source)
    for vision in spec.encoders:
        yield from _vision(vision, inference)
    yield from _extra(inference, "vision")
    kind = spec.fusion.kind if spec.fusion else "unknown"
    yield TreePart("fusion", 1, f"fusion ({kind})", params.fusion, weights.fusion)
    yield from _fusion(inference)
    yield from _extra(inference, "fusion")
    yield TreePart("language", 1, "language", params.language, weights.language)
    yield from _language(inference)
    yield from _extra(inference, "language")
    if params.other:
        yield TreePart("other", 1, "other", params.other, weights.other)
        yield from _extra(inference, "other")


def _alone(whole: TreePart, spec: PartAlone, inference: Inference) -> Iterator[TreePart]:
    """Yield a part by itself, which is the whole, and below it its own parts."""
    yield whole
    own = _vision(spec.vision, inference) if spec.vision else _language(inference)
    for line in own:
        level = line.level - (2 if spec.vision else 1)
        if level:
            yield line._replace(level=level)


def _vision(vision: VisionSpec, inference: Inference) -> Iterator[TreePart]:
    bytes_each, path = inference.plan.load.dtype_bytes, f"vision.{vision.name}"
    params = vision_params(vision)
    source = "published" if vision.opaque else "exact"
    yield TreePart(path, 2, vision.name, params, _times(params, bytes_each), source)
    if vision.encoder is None:
        return
    for name, count in vision.encoder.params_by_part()._asdict().items():
        shown = f"layers ({vision.encoder.total_depth})" if name == "layers" else _words(name)
        if count:
            yield TreePart(f"{path}.{name}", 3, shown, count, count * bytes_each)


def _fusion(inference: Inference) -> Iterator[TreePart]:
    spec, load, inserted = inference.plan.spec, inference.plan.load, inference.plan.inserted
    if inserted is None or fusion_params(spec) is None:
        return
    dims = dims_of(spec)
    number = len(inserted.layer_positions(dims))
    if connector := inserted.connector_params(dims):
        name = "resampler" if inserted.resampler else "projection"
        yield TreePart(f"fusion.{name}", 2, name, connector, connector * load.dtype_bytes)
    saved = saved_bytes(inserted_linears(inference.plan), load)
    params = number * inserted.layer_params(dims)
    size = params * load.dtype_bytes - saved
    yield TreePart("fusion.layers", 2, f"layers in the language model ({number})", params, size)


def _language(inference: Inference) -> Iterator[TreePart]:
    spec, load = inference.plan.spec, inference.plan.load
    shape = spec.language.shape
    if shape is None:
        return
    stacks = shape.stacks
    for name, count in shape.params_by_part()._asdict().items():
        shown, size = _words(name), count * load.dtype_bytes
        if stack := stacks.get(name):
            shown, size = f"{shown} ({stack.depth})", size - saved_bytes(stack.linears, load)
        if count:
            yield TreePart(f"language.{name}", 2, shown, count, size)


def _extra(inference: Inference, component: str) -> Iterator[TreePart]:
    for extra in inference.plan.spec.extra_params:
        if extra.component == component:
            count = _extra_params(inference, extra)
            size = count * inference.plan.load.dtype_bytes
            yield TreePart(f"{component}.extra", 2, extra.what, count, size)


def _extra_params(inference: Inference, extra: ExtraParams) -> int:
    shape = inference.plan.spec.language.shape
    return extra.params or (extra.num_text_vectors or 0) * (shape.width if shape else 0)


def _times(count: int | None, factor: int) -> int | None:
    return None if count is None else count * factor


def _words(name: str) -> str:
    return name.replace("_", " ")
