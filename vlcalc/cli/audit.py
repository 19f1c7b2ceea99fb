"""`vlcalc audit`: figures and claims that others printed, beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcalc.cli.options import Format, Output
from vlcalc.core.errors import InputError, near_miss

Opt = typer.Option


def command(
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
    if claims:
        _show_claims(name, only, format, output)
    else:
        _show_figures(name, only, format, output)


def _show_figures(name: str, only: str | None, format_name: str, output: Path | None) -> None:
    from vlcalc.audit import published_tables as tables
    from vlcalc.audit.published import VERDICTS, audit
    from vlcalc.cli.output import show

    wanted = _wanted(only, VERDICTS)
    figures = [figure for figure in audit(name) if figure.verdict in wanted]
    title = "All published figures" if name == "all" else f"Published figures of {name}"
    show(
        tables.people_tables(figures, title=title, several=name == "all"),
        format_name,
        output,
        machines=tables.machines_table(figures, title=title),
    )


def _show_claims(name: str, only: str | None, format_name: str, output: Path | None) -> None:
    from vlcalc.audit import claims_tables as tables
    from vlcalc.audit.verdict import ORDER
    from vlcalc.cli.output import show

    if name != "all":
        raise InputError(
            expected="no model beside --claims",
            got=f"`{name}`",
            hint="the claims are of articles, not of a model",
        )
    _require_torch()
    from vlcalc.audit.claims import answers

    wanted = _wanted(only, ORDER)
    found = [answer for answer in answers() if answer.verdict in wanted]
    show(
        tables.people_tables(found),
        format_name,
        output,
        machines=tables.machines_table(found, nested=format_name == "json"),
    )


def _wanted(only: str | None, verdicts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the verdicts to show; raises InputError for one that there is not."""
    if only is None:
        return verdicts
    asked = tuple(part.strip().replace("-", " ") for part in only.split(","))
    for verdict in asked:
        if verdict not in verdicts:
            known = ", ".join(f"`{each}`" for each in verdicts)
            hint = near_miss(verdict, verdicts)
            raise InputError(
                expected=f"verdicts, of {known}", got=f"`{verdict}`", where="--only", hint=hint
            )
    return asked


def _require_torch() -> None:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise InputError(
            expected="the extra `vlcalc[torch]`, which runs the modules that claims are about",
            got="no torch",
            hint="pip install 'vlcalc[torch]'",
        )
