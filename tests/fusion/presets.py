"""The presets of `specs/fusion` as the tests read them."""

from __future__ import annotations

from vlcalc.fusion.base import Dims
from vlcalc.spec import catalogue
from vlcalc.spec.loader import validate
from vlcalc.spec.schema import FusionSpec


def preset(name: str) -> FusionSpec:
    """Return a preset by its own name."""
    path = catalogue.specs_folder() / "fusion" / f"{name}.yaml"
    return validate(FusionSpec, catalogue.document_of(path))


def native_dims(spec: FusionSpec) -> Dims:
    """Return the dims that a published design was built for."""
    assert spec.native is not None
    return Dims(**spec.native.model_dump())


def published_presets(group: str) -> list[str]:
    """Return the names of a group's presets that say what was published."""
    documents = {path.stem: catalogue.document_of(path).data for path in catalogue.files("fusion")}
    return [
        name
        for name, data in documents.items()
        if group in data.get("groups", ()) and "published" in data
    ]
