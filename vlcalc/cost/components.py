"""A model's parameters by component: vision, fusion, language, and what is none of them.

Closed forms only, each proved equal to its module; extra parameters come from the spec.
"""

from __future__ import annotations

from typing import NamedTuple

from vlcalc.core.errors import InputError
from vlcalc.core.known import sum_known
from vlcalc.fusion.base import Dims
from vlcalc.spec.dims import dims_between
from vlcalc.spec.schema import LanguageSpec, ModelSpec, Part, VisionSpec
from vlcalc.tiling.regions import Regions

# Of an encoder for native resolution: no parameter depends on the grid, and all windows divide it.
NATIVE_SIDE = 48


class ByComponent(NamedTuple):
    """A count for each component; None where it is not known."""

    vision: int | None
    fusion: int | None
    language: int | None
    other: int = 0

    @property
    def total(self) -> int | None:
        """All together; None where a component is not known."""
        if self.vision is None or self.fusion is None or self.language is None:
            return None
        return self.vision + self.fusion + self.language + self.other


class Components(ByComponent):
    """Parameters by component; None where the shape of a part is not known, 0 without it."""

    __slots__ = ()


def components(spec: ModelSpec) -> Components:
    """Return a model's parameters by component."""
    params: dict[Part, int | None] = {
        "vision": sum_known([vision_params(encoder) for encoder in spec.encoders]),
        "fusion": fusion_params(spec),
        "language": language_params(spec.language),
    }
    for part, count in params.items():
        params[part] = _with_extra(spec, part, count) if part in spec.components else 0
    return Components(**params, other=_extra(spec, "other"))


def vision_params(vision: VisionSpec) -> int | None:
    """Return the parameters of an encoder, the published ones where its structure is opaque."""
    if vision.external:
        return 0
    if vision.encoder:
        return vision.encoder.num_params()
    return vision.opaque.params if vision.opaque else None


def language_params(language: LanguageSpec) -> int | None:
    """Return the parameters of a language model; None where its shape is not known."""
    return language.shape.num_params() if language.shape else None


def fusion_params(spec: ModelSpec) -> int | None:
    """Return the parameters of the fusion method; None where it or what it joins is not known."""
    if not spec.fusion or not spec.language.shape:
        return None
    return spec.fusion.num_params(dims_of(spec))


def dims_of(spec: ModelSpec, *, columns: int | None = None, rows: int | None = None) -> Dims:
    """Return what surrounds a model's fusion method.

    Args:
        spec: the model.
        columns: patches across; by default those of the encoder's own image size, padded to whole
            squares where the tiling merges squares of them, or all regions of a detector.
        rows: patches down; as many as `columns` by default.

    Raises:
        InputError: the language model's shape is not known.
    """
    if spec.language.shape is None:
        raise InputError(
            expected="a language model whose shape is known", got=f"`{spec.language.name}`"
        )
    if columns is None and isinstance(spec.tiling, Regions):
        columns, rows = spec.tiling.num_regions, 1
    columns = columns or _side(spec)
    dims = dims_between(spec.vision, spec.language, columns=columns, rows=rows or columns)
    others = tuple(encoder.width for encoder in spec.encoders[1:] if encoder.width)
    return dims._replace(extra_vision_widths=others)


def _side(spec: ModelSpec) -> int:
    """Return the visual tokens across an encoder's own square; one without an encoder."""
    if not spec.vision or not spec.vision.patch_size:
        return 1
    if not spec.vision.image_size:
        return NATIVE_SIDE
    side = spec.vision.image_size // spec.vision.patch_size
    return -(-side // spec.tiling.merged_side) * spec.tiling.merged_side


def _with_extra(spec: ModelSpec, component: str, params: int | None) -> int | None:
    return None if params is None else params + _extra(spec, component)


def _extra(spec: ModelSpec, component: str) -> int:
    """Return the parameters of a component that no part has."""
    shape = spec.language.shape
    return sum(
        extra.params or (extra.num_text_vectors or 0) * (shape.width if shape else 0)
        for extra in spec.extra_params
        if extra.component == component
    )
