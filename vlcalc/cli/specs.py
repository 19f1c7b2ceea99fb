"""`vlcalc specs`: what the catalogue has, one spec in full, validation, JSON Schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcalc.cli.options import Format, Output
from vlcalc.cli.output import show, write
from vlcalc.core.errors import InputError

app = typer.Typer(help="List, show and validate specs of models, hosted APIs and parts.",
                  no_args_is_help=True, rich_markup_mode=None)  # fmt: skip


@app.command("list")
def list_command(
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
    from vlcalc.spec.listing import list_table

    show([list_table(kind)], format, output)


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="Name, alias or YAML file.")],
    output: Output = None,
) -> None:
    """Show a spec in full, as YAML: parts filled in, variants laid over."""
    from vlcalc.spec.listing import show_yaml

    write([show_yaml(name)], output)


@app.command("validate")
def validate_command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="YAML files, or folders of them; every shipped spec without any."),
    ] = None,
) -> None:
    """Validate spec files and report all their errors: file, line, key, expected, got, hint."""
    from vlcalc.core.errors import SpecError
    from vlcalc.spec import catalogue
    from vlcalc.spec.loader import check_file

    shipped = [path for kind in catalogue.FOLDERS for path in catalogue.files(kind)]
    paths = [each for path in files for each in _spec_files(path)] if files else shipped
    errors = [error for path in paths for error in check_file(path)]
    if errors:
        raise SpecError(errors)
    typer.echo(f"{len(paths)} valid")


def _spec_files(path: Path) -> list[Path]:
    """Return a file itself, or the YAML files below a folder."""
    if not path.is_dir():
        return [path]
    found = sorted((*path.rglob("*.yaml"), *path.rglob("*.yml")))
    if not found:
        raise InputError(expected="a folder with YAML files", got=f"`{path}`, which has none")
    return found


@app.command("schema")
def schema_command(
    kind: Annotated[
        str, typer.Option(metavar="model|api|vision|language|fusion|device", help="Kind of spec.")
    ] = "model",
    output: Output = None,
) -> None:
    """Print the JSON Schema of a kind of spec, for editors."""
    import json

    from vlcalc.spec.json_schema import json_schema

    write([json.dumps(json_schema(kind), indent=2) + "\n"], output)
