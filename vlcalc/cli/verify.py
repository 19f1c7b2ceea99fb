"""`vlcalc verify`: a spec beside the classes of transformers."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcalc.cli.edge import show_report
from vlcalc.cli.options import Format, Output
from vlcalc.cli.progress import steps
from vlcalc.core.errors import InputError


def verify_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE|all",
            help="A checkpoint's folder or a model that has an id on the Hub; or `all` of them.",
        ),
    ],
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Hold a spec against the classes of transformers; exit code 1 where they differ.

    Parameters by component, the tokens of 200 sizes by the real processor, FLOPs of encode, fuse,
    prefill and one decoded token, bytes of the real cache: equal, or by how much not.
    """
    from vlcalc.api.verify import verify_catalogue, verify_model

    if source == "all":
        with steps() as on_step:
            result = verify_catalogue(on_step=on_step)
    else:
        result = verify_model(source)
    show_report(result.report(), format, output)
    if result.differing or not result.num_compared:
        number = len(result.differing)
        raise InputError(
            expected="every count as transformers has it",
            got=f"{number} of {result.num_compared} that differ"
            if number
            else "none that could be compared",
        )
