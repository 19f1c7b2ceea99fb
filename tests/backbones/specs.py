"""Every language part of the catalogue whose shape is known, by kind of model."""

from __future__ import annotations

from vlcalc.spec import catalogue
from vlcalc.spec.loader import validate
from vlcalc.spec.schema import LanguageSpec


def parts() -> list[LanguageSpec]:
    """Return every language part."""
    documents = (catalogue.document_of(path) for path in catalogue.files("language"))
    return [validate(LanguageSpec, document) for document in documents]


PARTS = parts()
DECODERS = {part.name: part.decoder for part in PARTS if part.decoder}
ENCODER_DECODERS = {part.name: part.encoder_decoder for part in PARTS if part.encoder_decoder}
TEXT_ENCODERS = {part.name: part.text_encoder for part in PARTS if part.text_encoder}
