"""The typer application and its entry point: errors of the user become one line and exit code 1."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer

from vlcalc import __version__
from vlcalc.cli.edge import error_lines
from vlcalc.cli.lazy import LazyGroup
from vlcalc.core.errors import VlcalcError

app = typer.Typer(
    name="vlcalc",
    cls=LazyGroup,
    help="What an image costs a vision-language model, before anyone trains or serves it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vlcalc {__version__}")
        raise typer.Exit


@app.callback()
def _callback(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line: exit code 0 done, 1 wrong input, 2 wrong usage."""
    # Importing torch makes many objects and no garbage, and looking for it costs a fifth of the
    # whole command; work that lasts turns the collector on again (`tokens --sizes`).
    gc.disable()
    try:
        _run()
    finally:
        gc.enable()


def _run() -> None:
    try:
        app(prog_name="vlcalc")
    except VlcalcError as error:
        for line in error_lines(error):
            typer.echo(f"error: {line}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone; say nothing more, not even when Python closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(130)
