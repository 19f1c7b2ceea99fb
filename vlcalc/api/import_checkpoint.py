"""`vlcalc.import_checkpoint`: a checkpoint's spec as YAML, its sources beside it."""

from __future__ import annotations

from pathlib import Path

from vlcalc.checkpoint.load import is_checkpoint, load_checkpoint
from vlcalc.checkpoint.written import checkpoint_yaml
from vlcalc.core.errors import InputError


def import_checkpoint(source: str | Path) -> str:
    """Return a checkpoint's spec as YAML, each value with the file and key that it came from.

    The YAML loads to the very same spec.

    Args:
        source: a checkpoint's folder, or its `config.json`.

    Raises:
        InputError: it is neither, or a file of it is not what it should be.
    """
    name = str(source)
    if not is_checkpoint(name):
        raise InputError(
            expected="a checkpoint's folder, or its `config.json`",
            got=f"`{name}`",
            hint="`vlcalc specs show NAME` writes a spec of the catalogue",
        )
    return checkpoint_yaml(load_checkpoint(Path(name)))
