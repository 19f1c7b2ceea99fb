"""`vlcalc import`: a checkpoint's spec as YAML."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcalc.cli.options import Output
from vlcalc.cli.output import write


def import_checkpoint_command(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A checkpoint's folder, or its config.json.")
    ],
    output: Output = None,
) -> None:
    """Write a checkpoint's spec as YAML, each value with the file and key that it came from."""
    from vlcalc.api.import_checkpoint import import_checkpoint

    write([import_checkpoint(source)], output)
