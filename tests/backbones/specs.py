"""Every language part of the catalogue that has a `decoder:`."""

from __future__ import annotations

from vlcalc.backbones.decoder import Decoder
from vlcalc.spec import catalogue
from vlcalc.spec.loader import validate
from vlcalc.spec.schema import LanguageSpec


def decoders() -> dict[str, Decoder]:
    """Return the decoder of each language part, by the part's name."""
    documents = (catalogue.document_of(path) for path in catalogue.files("language"))
    parts = [validate(LanguageSpec, document) for document in documents]
    return {part.name: part.decoder for part in parts if part.decoder}


DECODERS = decoders()
