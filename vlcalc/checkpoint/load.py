"""The name of a model, a checkpoint's folder or its id on the Hub -> its spec."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple, NoReturn

from vlcalc.checkpoint.checkpoint import FAMILIES, open_checkpoint
from vlcalc.checkpoint.config import KeyMark, Sourced
from vlcalc.checkpoint.folder import CONFIG, Folder
from vlcalc.checkpoint.hub import HubFolder, HubId, parse_hub_id
from vlcalc.checkpoint.hub_errors import HubError
from vlcalc.checkpoint.quantised import (
    StoredQuantisation,
    quantisation_in_name,
    stored_quantisation,
)
from vlcalc.checkpoint.readers import reader_of
from vlcalc.checkpoint.source import ModelSource
from vlcalc.core.errors import InputError, SpecError
from vlcalc.core.files import exists, is_folder
from vlcalc.spec import catalogue
from vlcalc.spec.document import Document, KeyPath, Mark
from vlcalc.spec.loader import load_spec, validate, with_settings
from vlcalc.spec.schema import ModelSpec, Spec

# Why a repository cannot be read, so that the name of a quantised one has to do.
UNREAD = ("offline", "unreachable", "closed", "unconfigured")


class LoadedCheckpoint(NamedTuple):
    """A checkpoint's spec, and what it was made from.

    Attributes:
        spec: the architecture.
        document: its content, with the file and key that each value came from.
        source: the folder or repository, and the files that were read.
        quantisation: how its weights are kept; None where they are not quantised.
    """

    spec: ModelSpec
    document: Document
    source: ModelSource
    quantisation: StoredQuantisation | None


class LoadedModel(NamedTuple):
    """The spec that a name means, and what it was made from.

    Attributes:
        spec: the architecture or hosted API.
        source: the place that it is from, and what was read there.
        quantisation: how the weights are kept that the name means; None where they are not
            quantised, or the name is not that of a checkpoint.
    """

    spec: Spec
    source: ModelSource
    quantisation: StoredQuantisation | None = None


def open_model(
    name: str, settings: Document | None = None, *, refresh: bool = False
) -> LoadedModel:
    """Return what a name means: a spec of the catalogue, a file, a folder or a repository.

    An id that the catalogue answers to is read there; else from the local Hub cache; else from the
    Hub. One with a revision is never read from the catalogue.

    Args:
        name: what `vlcalc.spec.loader.load_spec` knows; a folder that has a `config.json`, or the
            path of that file; `org/name` or `org/name@revision`.
        settings: what is laid over it.
        refresh: ask the Hub, whatever the catalogue and the local cache have.

    Raises:
        InputError: nothing answers to the name, or a file is not what it should be.
        HubError: a repository cannot be read; one line that says why.
        SpecError: a YAML file is not valid.
    """
    if is_checkpoint(name):
        checkpoint = load_checkpoint(Path(name), settings)
        return LoadedModel(checkpoint.spec, checkpoint.source, checkpoint.quantisation)
    hub_id = None if catalogue.is_file_name(name) else parse_hub_id(name)
    if hub_id is not None:
        return _open_id(hub_id, settings, refresh=refresh)
    spec = load_spec(name, settings)
    if refresh:
        ids = [alias for alias in spec.aliases if "/" in alias]
        raise InputError(
            expected="an id `org/name`, to ask the Hub for it",
            got=f"`{name}`",
            hint=f"`{ids[0]}` is one of its ids" if ids else "",
        )
    if catalogue.is_file_name(name):
        return LoadedModel(spec, ModelSource("file", name))
    return LoadedModel(spec, ModelSource("catalogue", spec.name))


def _open_id(hub_id: HubId, settings: Document | None, *, refresh: bool) -> LoadedModel:
    if not refresh and not hub_id.revision:
        entry = _entry_called(hub_id.repository)
        if entry is not None:
            spec = load_spec(entry.name, settings)
            return LoadedModel(spec, ModelSource("catalogue", spec.name))
    folder = HubFolder(hub_id, refresh=refresh)
    try:
        checkpoint = read_checkpoint(folder, settings)
    except HubError as error:
        sibling = _quantised_sibling(hub_id, error, settings)
        if sibling is None or refresh:
            _raise_with_attempts(error, folder, refresh=refresh)
        return sibling
    return LoadedModel(checkpoint.spec, checkpoint.source, checkpoint.quantisation)


def _entry_called(name: str) -> catalogue.Entry | None:
    try:
        return catalogue.find(name, ("model",))
    except InputError:
        return None


def _quantised_sibling(
    hub_id: HubId, error: HubError, settings: Document | None
) -> LoadedModel | None:
    """Return the catalogued architecture that the name of a quantised repository speaks of.

    It counts only where the repository cannot be read, and only if the catalogue answers to the
    name without its ending, be it under that organisation or, alone, under another one.
    """
    named = quantisation_in_name(hub_id.repository)
    if named is None or hub_id.revision or error.cause not in UNREAD:
        return None
    base, quantisation = named
    entry = _entry_called(base) or _only_entry_of_repository(base.partition("/")[2])
    if entry is None:
        return None
    spec = load_spec(entry.name, settings)
    note = (
        f"`{hub_id}` could not be read ({error.cause}): the architecture is that of `{spec.name}`,"
        f" the quantisation ({quantisation}) what its name says"
    )
    return LoadedModel(spec, ModelSource("catalogue", spec.name, notes=(note,)), quantisation)


def _only_entry_of_repository(name: str) -> catalogue.Entry | None:
    ending = f"/{name.casefold()}"
    entries = [
        entry
        for entry in catalogue.entries("model")
        if any(alias.endswith(ending) for alias in entry.names)
    ]
    return entries[0] if len(entries) == 1 else None


def _raise_with_attempts(error: HubError, folder: HubFolder, *, refresh: bool) -> NoReturn:
    """Raise the error of a repository anew, with where else it was looked for.

    Raises:
        HubError: always.
    """
    places = [] if refresh or folder.commit else ["not in the local Hub cache"]
    hints = [error.hint]
    if not refresh and not folder.hub_id.revision:
        try:
            catalogue.find(folder.hub_id.repository, ("model",))
        except InputError as unknown:
            places.insert(0, "not in the catalogue")
            hints.append(unknown.hint)
    where = f"`{folder.hub_id}` ({', '.join([*places, error.where])})"
    raise HubError(
        error.cause,
        expected=error.expected,
        got=error.got,
        where=where,
        hint="; ".join(filter(None, hints)),
    ) from error


def is_checkpoint(name: str) -> bool:
    """Tell whether a name given by the user means a checkpoint's folder or its `config.json`."""
    path = Path(name)
    if path.name == CONFIG:
        return True
    return is_folder(path) and exists(path / CONFIG)


def load_checkpoint(path: Path, settings: Document | None = None) -> LoadedCheckpoint:
    """Return the spec of a checkpoint's folder.

    Args:
        path: the folder, or its `config.json`.
        settings: what is laid over it.

    Raises:
        InputError: a file is not what it should be, or says what no spec can.
    """
    return read_checkpoint(Folder(path.parent if path.name == CONFIG else path), settings)


def read_checkpoint(folder: Folder, settings: Document | None = None) -> LoadedCheckpoint:
    """Return the spec that a checkpoint's files say.

    Raises:
        InputError: a file is not what it should be, or says what no spec can.
        HubError: a file cannot be had from the Hub.
    """
    data = folder.read_json(CONFIG)
    if data is None:
        raise folder.without_config()
    checkpoint = open_checkpoint(folder, data)
    reader = reader_of(FAMILIES, checkpoint.config)
    block = reader.read(checkpoint.with_defaults(reader.defaults))
    name = name_of(folder.name, checkpoint.config.model_type)
    named = document_of_block({"name": name, **block})
    errors: list[InputError] = []
    document = _with_patch_size(with_settings(named, settings, errors))
    if errors:
        raise errors[0]
    try:
        spec = validate(ModelSpec, document)
    except SpecError as error:
        raise error.errors[0] from None
    quantisation = stored_quantisation(checkpoint.config)
    return LoadedCheckpoint(spec, document, folder.source(), quantisation)


def name_of(name: str, model_type: str) -> str:
    """Return the name of a checkpoint's spec: that of its folder, as far as a name may look so."""
    return re.sub(r"[^a-z0-9._+-]+", "-", name.casefold()).strip("-._+") or model_type


def document_of_block(block: dict[str, object]) -> Document:
    """Return a block of a spec as a document: plain values, and the mark of each."""
    marks: dict[KeyPath, Mark] = {(): KeyMark(CONFIG, 0)}
    data = _plain(block, (), marks)
    assert isinstance(data, dict)
    return Document(data, marks)


def _with_patch_size(document: Document) -> Document:
    """Return a document whose rules for images and clips say the encoder's patch size."""
    data, vision = document.data, document.data.get("vision")
    patch_size = vision.get("patch_size") if isinstance(vision, dict) else None
    rules = {
        key: {"patch_size": patch_size, **data[key]}
        for key in ("tiling", "video")
        if patch_size is not None and isinstance(data.get(key), dict)
    }
    return document._replace(data={**data, **rules})


def _plain(value: object, path: KeyPath, marks: dict[KeyPath, Mark]) -> object:
    if isinstance(value, Sourced):
        marks[path] = value.mark
        value = value.value
    if isinstance(value, dict):
        return {key: _plain(inner, (*path, key), marks) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_plain(inner, (*path, i), marks) for i, inner in enumerate(value))
    return value
