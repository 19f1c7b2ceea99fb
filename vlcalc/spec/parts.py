"""Parts by name: vision encoders, language models, and groups of fusion presets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vlcalc.spec import catalogue
from vlcalc.spec.document import Document
from vlcalc.spec.loader import load_fusion, validate
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
    documents = [catalogue.document_of(path) for path in _files_of_group(group)]
    presets = [validate(FusionSpec, document) for document in documents]
    return [preset for preset in presets if group == "all" or group in preset.groups]


def _files_of_group(group: str) -> Iterator[Path]:
    """Yield the files that may be of a group; only those that have its name are parsed."""
    files = catalogue.files("fusion")
    if group in {path.stem for path in files}:
        return
    for path in files:
        if group == "all" or group in path.read_text(encoding="utf-8"):
            yield path


def chosen_methods(names: Iterable[str]) -> list[FusionSpec]:
    """Return the fusion presets that names, methods and groups stand for, each once.

    Raises:
        InputError: an unknown name; the nearest is suggested.
    """
    chosen: list[FusionSpec] = []
    for name in (name.strip() for name in names):
        members = fusion_group(name) or [load_fusion(name)]
        chosen.extend(spec for spec in members if spec not in chosen)
    return chosen


def _document(name: str, kind: str) -> Document:
    if catalogue.is_file_name(name):
        return catalogue.document_of(Path(name))
    return catalogue.document_of(catalogue.find(name, (kind,)).path)
