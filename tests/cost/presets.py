"""Presets and dims that tests of all fusion methods go through."""

from __future__ import annotations

from vlcalc.core.errors import InputError
from vlcalc.fusion.base import Dims, Fusion
from vlcalc.spec import catalogue
from vlcalc.spec.loader import load_fusion
from vlcalc.spec.schema import FusionSpec

CLIP_AND_VICUNA = Dims(1024, 4096, 24, 24, num_prefix_tokens=1, num_text_tokens=32)


def preset_names() -> list[str]:
    return [path.stem for path in catalogue.files("fusion")]


def preset_of_each_kind() -> list[FusionSpec]:
    """Return one preset of each kind: the generic one where there is one."""
    presets = [load_fusion(name) for name in preset_names()]
    by_kind: dict[str, FusionSpec] = {}
    for preset in sorted(presets, key=lambda each: each.native is not None):
        by_kind.setdefault(preset.fusion.kind, preset)
    return [by_kind[kind] for kind in sorted(by_kind)]


def dims_of_preset(spec: FusionSpec) -> Dims:
    """Return a design's own dims, with some text where it names none; else the usual pair's."""
    if spec.native is None:
        return dims_taken_by(spec.fusion, CLIP_AND_VICUNA)
    known = spec.native.model_dump()
    dims = Dims(**{**known, "num_text_tokens": known["num_text_tokens"] or 32})
    return _first_taken(spec.fusion, (dims, dims._replace(batch_size=2)))


def dims_taken_by(fusion: Fusion, dims: Dims) -> Dims:
    """Return dims that a method takes: these, with a batch of two, or with both widths 768."""
    same_width = dims._replace(vision_width=768, text_width=768)
    return _first_taken(fusion, (dims, dims._replace(batch_size=2), same_width))


def _first_taken(fusion: Fusion, choices: tuple[Dims, ...]) -> Dims:
    for dims in choices[:-1]:
        try:
            fusion.check(dims)
        except InputError:
            continue
        return dims
    fusion.check(choices[-1])
    return choices[-1]
