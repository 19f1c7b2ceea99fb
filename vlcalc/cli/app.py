"""The typer application and its entry point: errors of the user become one line and exit code 1."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from vlcalc import __version__
from vlcalc.cli.ending import (
    INTERRUPTED,
    end_unread,
    ending_on_signals,
    fail,
    fills_stdout,
    lacks_memory,
)
from vlcalc.cli.lazy import LazyGroup
from vlcalc.core.errors import InputError, VlcalcError

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
    """Run the command line; `ending` has its exit codes."""
    # Importing torch makes many objects and no garbage, and looking for it costs a fifth of the
    # whole command; work that lasts turns the collector on again (`tokens --sizes`).
    gc.disable()
    try:
        with ending_on_signals():
            _run()
    finally:
        gc.enable()


def _run() -> None:
    try:
        app(prog_name="vlcalc")
    except VlcalcError as error:
        fail(error)
    except (MemoryError, ImportError, SystemError, OSError) as error:
        if lacks_memory(error):
            hint = "ask for less at once, or raise `ulimit -v`"
            fail(InputError(expected="enough memory", got="none left", hint=hint))
        if not fills_stdout(error):
            raise
        fail(InputError(expected="a stdout that takes all", got="no space left"))
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer ends with 1 then
            end_unread()
        raise
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
