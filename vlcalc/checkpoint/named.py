"""What a name means, at the least cost: only a folder and an id need what reads checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlcalc.core.files import is_folder
from vlcalc.spec import catalogue
from vlcalc.spec.document import Document
from vlcalc.spec.loader import load_spec, spec_of
from vlcalc.spec.schema import Spec

if TYPE_CHECKING:
    from vlcalc.checkpoint.load import LoadedModel


def load_model(name: str, settings: Document | None = None, *, refresh: bool = False) -> Spec:
    """Return the architecture or hosted API that a name means; as `load.open_model`.

    What was read of a checkpoint, and how its weights are kept, stands among the spec's notes.
    """
    if not refresh and not _may_be_checkpoint(name):
        return load_spec(name, settings)
    from vlcalc.checkpoint.load import open_model

    model = open_model(name, settings, refresh=refresh)
    notes = _source_notes(model)
    if not notes:
        return model.spec
    return model.spec.model_copy(update={"notes": (*model.spec.notes, *notes)})


def model_spec(model: object) -> Spec:
    """Return a spec as it is, or that of a name; callers may pass anything.

    Raises:
        InputError: it is neither, or as of `load_model`.
        SpecError: as of `load_model`.
    """
    return load_model(model) if isinstance(model, str) else spec_of(model)


def _may_be_checkpoint(name: str) -> bool:
    """Tell whether a name can be that of a folder, a `config.json` or a repository."""
    if catalogue.is_file_name(name):
        return False
    return "/" in name or name == "config.json" or is_folder(name)


def _source_notes(model: LoadedModel) -> tuple[str, ...]:
    read = (f"Read from: {model.source}.",) if model.source.files else ()
    kept = (f"The weights are quantised: {model.quantisation}.",) if model.quantisation else ()
    return (*read, *model.source.notes, *kept)
