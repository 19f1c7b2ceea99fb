"""Every vision part of the catalogue that has an `encoder:`, and every one that is opaque."""

from __future__ import annotations

from vlcalc.spec import catalogue
from vlcalc.spec.loader import validate
from vlcalc.spec.schema import VisionSpec


def vision_parts() -> list[VisionSpec]:
    """Return all vision parts."""
    documents = (catalogue.document_of(path) for path in catalogue.files("vision"))
    return [validate(VisionSpec, document) for document in documents]


ENCODERS = {part.name: part.encoder for part in vision_parts() if part.encoder}
OPAQUE = {part.name: part.opaque for part in vision_parts() if part.opaque}
