"""What claims are about, by name: models, parts, and fusion methods within dims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vlcalc.fusion.base import Dims, Fusion
from vlcalc.spec.loader import load_fusion, load_spec
from vlcalc.spec.schema import FusionSpec, ModelSpec

Method = str | Mapping[str, Any]


def model_named(name: str) -> ModelSpec:
    """Return a model of the catalogue that is no hosted API."""
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec), name
    return spec


def method(fusion: Method, dims: Mapping[str, int] | None = None) -> tuple[Fusion, Dims]:
    """Return a fusion method and what surrounds it.

    Args:
        fusion: the name of a preset, or a `fusion:` block.
        dims: laid over the dims of the preset's own design.
    """
    if isinstance(fusion, str):
        spec = load_fusion(fusion)
    else:
        spec = FusionSpec.model_validate({"name": fusion["kind"], "fusion": dict(fusion)})
    native = spec.native.model_dump() if spec.native else {}
    return spec.fusion, Dims(**{**native, **(dims or {})})
