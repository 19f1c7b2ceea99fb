"""The name of a model, or a checkpoint's folder -> its spec."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from vlcalc.checkpoint.checkpoint import FAMILIES, open_checkpoint
from vlcalc.checkpoint.config import Config, KeyMark, Sourced
from vlcalc.checkpoint.folder import CONFIG, Folder
from vlcalc.checkpoint.readers import reader_of
from vlcalc.core.errors import InputError, SpecError
from vlcalc.core.files import exists, is_folder
from vlcalc.spec.document import Document, KeyPath, Mark
from vlcalc.spec.loader import load_spec, spec_of, validate
from vlcalc.spec.schema import ModelSpec, Spec


class LoadedCheckpoint(NamedTuple):
    """A checkpoint's spec, and what it was made from.

    Attributes:
        spec: the architecture.
        document: its content, with the file and key that each value came from.
        files: the files that were read.
    """

    spec: ModelSpec
    document: Document
    files: tuple[str, ...]


def load_model(name: str) -> Spec:
    """Return the architecture or hosted API of a name, a YAML file or a checkpoint's folder.

    Args:
        name: what `vlcalc.spec.loader.load_spec` knows, a folder that has a `config.json`, or the
            path of that file.

    Raises:
        InputError: nothing answers to the name, or a file is not what it should be.
        SpecError: a YAML file is not valid.
    """
    if is_checkpoint(name):
        return load_checkpoint(Path(name)).spec
    return load_spec(name)


def model_spec(model: object) -> Spec:
    """Return a spec as it is, or that of a name; callers may pass anything.

    Raises:
        InputError: it is neither, or as of `load_model`.
        SpecError: as of `load_model`.
    """
    return load_model(model) if isinstance(model, str) else spec_of(model)


def is_checkpoint(name: str) -> bool:
    """Tell whether a name given by the user means a checkpoint's folder or its `config.json`."""
    path = Path(name)
    if path.name == CONFIG:
        return True
    return is_folder(path) and exists(path / CONFIG)


def load_checkpoint(path: Path) -> LoadedCheckpoint:
    """Return the spec of a checkpoint.

    Args:
        path: its folder, or its `config.json`.

    Raises:
        InputError: a file is not what it should be, or says what no spec can.
    """
    folder = Folder(path.parent if path.name == CONFIG else path)
    data = folder.read_json(CONFIG)
    if data is None:
        raise InputError(expected=f"a folder with a {CONFIG}", got="none", where=str(path))
    checkpoint = open_checkpoint(folder, data)
    reader = reader_of(FAMILIES, checkpoint.config)
    block = reader.read(checkpoint.with_defaults(reader.defaults))
    document = document_of_block({"name": name_of(folder.path, checkpoint.config), **block})
    try:
        spec = validate(ModelSpec, document)
    except SpecError as error:
        raise error.errors[0] from None
    return LoadedCheckpoint(spec, document, tuple(folder.files))


def name_of(path: Path, config: Config) -> str:
    """Return the name of a checkpoint's spec: that of its folder, as far as a name may look so."""
    name = re.sub(r"[^a-z0-9._+-]+", "-", path.resolve().name.casefold()).strip("-._+")
    return name or config.model_type


def document_of_block(block: dict[str, object]) -> Document:
    """Return a block of a spec as a document: plain values, and the mark of each."""
    marks: dict[KeyPath, Mark] = {(): KeyMark(CONFIG, 0)}
    data = _plain(block, (), marks)
    assert isinstance(data, dict)
    with_patch_size = {
        key: {"patch_size": data["vision"]["patch_size"], **data[key]}
        for key in ("tiling", "video")
        if data.get("vision") and data.get(key)
    }
    return Document({**data, **with_patch_size}, marks)


def _plain(value: object, path: KeyPath, marks: dict[KeyPath, Mark]) -> object:
    if isinstance(value, Sourced):
        marks[path] = value.mark
        value = value.value
    if isinstance(value, dict):
        return {key: _plain(inner, (*path, key), marks) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_plain(inner, (*path, i), marks) for i, inner in enumerate(value))
    return value
