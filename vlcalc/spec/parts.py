"""Parts by name: vision encoders, language models, and groups of fusion presets."""

from __future__ import annotations

from pathlib import Path

from vlcalc.spec import catalogue
from vlcalc.spec.document import Document
from vlcalc.spec.loader import validate
from vlcalc.spec.schema import FusionSpec, LanguageSpec, VisionSpec


def load_vision(name: str) -> VisionSpec:
    """Return the vision encoder that answers to a name, or that a YAML file describes.

    Raises:
        InputError: there is none.
        SpecError: it is not valid.
    """
    return validate(VisionSpec, _document(name, "vision"))


def load_language(name: str) -> LanguageSpec:
    """Return the language model that answers to a name, or that a YAML file describes.

    Raises:
        InputError: there is none.
        SpecError: it is not valid.
    """
    return validate(LanguageSpec, _document(name, "language"))


def fusion_group(group: str) -> list[FusionSpec]:
    """Return the fusion presets of a group, all of them for `all`; none where it is no group."""
    presets = [
        validate(FusionSpec, catalogue.document_of(path)) for path in catalogue.files("fusion")
    ]
    return [preset for preset in presets if group == "all" or group in preset.groups]


def _document(name: str, kind: str) -> Document:
    if catalogue.is_file_name(name):
        return catalogue.document_of(Path(name))
    return catalogue.document_of(catalogue.find(name, (kind,)).path)
