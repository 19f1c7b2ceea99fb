"""`vlcalc specs`: what the catalogue has, one spec in full, validation, JSON Schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcalc.cli.edge import Command, show_report
from vlcalc.cli.options import Format, Output
from vlcalc.cli.output import write

app = typer.Typer(help="List, show and validate specs of models, hosted APIs and parts.",
                  no_args_is_help=True, rich_markup_mode=None)  # fmt: skip


@app.command("list", cls=Command)
def list_specs(
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="model|api|vision|language|fusion|device", help="Only specs of this kind."
        ),
    ] = None,
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """List every spec with its kind, title and the names it answers to."""
    from vlcalc.api.specs import specs

    show_report(specs(kind), format, output)


@app.command("show", cls=Command)
def show_spec(
    name: Annotated[str, typer.Argument(help="Name, alias or YAML file.")],
    output: Output = None,
) -> None:
    """Show a spec in full, as YAML: parts filled in, variants laid over."""
    from vlcalc.api.specs import spec_text

    write([spec_text(name)], output)


@app.command("validate", cls=Command)
def validate_files(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="YAML files, or folders of them; every shipped spec without any."),
    ] = None,
) -> None:
    """Validate spec files and report all their errors: file, line, key, expected, got, hint."""
    from vlcalc.api.specs import validate_specs

    typer.echo(f"{validate_specs(files or ())} valid")


@app.command("schema", cls=Command)
def print_schema(
    kind: Annotated[
        str, typer.Option(metavar="model|api|vision|language|fusion|device", help="Kind of spec.")
    ] = "model",
    output: Output = None,
) -> None:
    """Print the JSON Schema of a kind of spec, for editors."""
    import json

    from vlcalc.api.specs import spec_schema

    write([json.dumps(spec_schema(kind), indent=2) + "\n"], output)
