"""Commands that are imported when they are asked for: none pays for the start of the others."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from vlcalc.cli.edge import Command
from vlcalc.core.text import printable

UsageError: Any = typer.BadParameter.__base__  # typer has no name of its own for it

NAMES = (
    *("tokens", "compare", "bench", "inspect", "fit", "audit", "import", "verify"),
    *("devices", "specs"),
)
# Commands whose file cannot have their name, a word of the language.
FILES = {"import": "import_checkpoint"}


class LazyCommands(dict[str, Any]):
    """The commands by name; a file of this package with `NAME_command` or an `app` is one."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return the command of a name, imported now."""
        return load_command(name) if name in self else default


def load_command(name: str) -> Any:
    """Return the command that a file of this package holds."""
    file = FILES.get(name, name)
    module = importlib.import_module(f"vlcalc.cli.{file}")
    if hasattr(module, "app"):
        return typer.main.get_group(module.app)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command(name, cls=Command)(getattr(module, f"{file}_command"))
    return typer.main.get_command(alone)


class LazyGroup(TyperGroup):
    """The group of all commands."""

    def __init__(self, **options: Any) -> None:
        """Know the commands by name alone."""
        super().__init__(**options)
        self.commands = LazyCommands(dict.fromkeys(NAMES))

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read the options of the group itself."""
        with _clear_usage_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Read the options of a command and run it."""
        with _clear_usage_errors():
            return super().invoke(ctx)


@contextmanager
def _clear_usage_errors() -> Iterator[None]:
    """Let errors of usage say what came, and nothing that a terminal obeys."""
    try:
        yield
    except UsageError as error:
        error.message = printable(_message(error))
        raise


def _message(error: Any) -> str:
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError):
        return str(error.message)
    detail = error.__cause__.errors()[0]
    expected, _, _ = detail["msg"].removeprefix("Input should be ").partition(", ")
    if detail["type"].startswith(("greater", "less")):
        expected = f"a number {expected}"
    elif detail["type"].startswith("int"):
        expected = "a whole number"
    return f"expected {expected}, got `{str(detail['input'])[:60]}`"
