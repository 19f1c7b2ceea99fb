"""`vlcalc audit`: figures and claims that others printed, beside ours."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcalc.cli.edge import show_report, words
from vlcalc.cli.options import Format, Output
from vlcalc.core.errors import InputError

Opt = typer.Option


def audit_command(
    name: Annotated[
        str,
        typer.Argument(metavar="[MODEL|all]", help="Model, fusion preset or YAML file; or `all`."),
    ] = "all",
    claims: Annotated[
        bool, Opt("--claims", help="Judge the claims of the founding articles instead.")
    ] = False,
    only: Annotated[
        str | None,
        Opt(metavar="VERDICT[,VERDICT]", help="Only these: different, wrong, approximate ..."),
    ] = None,
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Hold published figures against ours: equal, within their rounding, or different and why."""
    from vlcalc.api.audit import audit, audit_claims

    if not claims:
        show_report(audit(name, only=words(only)).report(), format, output)
        return
    if name != "all":
        raise InputError(
            expected="no model beside --claims",
            got=f"`{name}`",
            hint="the claims are of articles, not of a model",
        )
    judged = audit_claims(only=words(only))
    show_report(judged.report(nested=format == "json"), format, output)
