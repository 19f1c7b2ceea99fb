"""The weights that lie beside the configuration that a spec was read from."""

from __future__ import annotations

from pathlib import Path

from vlcalc.checkpoint.folder import CONFIG, Folder
from vlcalc.checkpoint.load import is_checkpoint
from vlcalc.checkpoint.weights.stored_weights import StoredWeights, read_folder
from vlcalc.spec.schema import ModelSpec


def weights_beside(name: str, spec: ModelSpec) -> StoredWeights | None:
    """Return the weights of a checkpoint's folder; None where there are none, or for other names.

    Args:
        name: what the user calls the model.
        spec: the architecture that was read from it.

    Raises:
        InputError: a header is not what it should be, a shard is missing, or several files could
            be the weights.
    """
    if not is_checkpoint(name):
        return None
    path = Path(name)
    place = path.parent if path.name == CONFIG else path
    language = spec.language
    shape = language.decoder or language.encoder_decoder
    return read_folder(
        place, Folder(place).read_json(CONFIG) or {}, tied=bool(shape and shape.tied_embeddings)
    )
