"""Commands that are imported when they are asked for: none pays for the start of the others."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

from vlcalc.cli.edge import Command

NAMES = ("tokens", "compare", "bench", "inspect", "fit", "audit", "devices", "specs")


class LazyCommands(dict[str, Any]):
    """The commands by name; a file of this package with `NAME_command` or an `app` is one."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return the command of a name, imported now."""
        return load_command(name) if name in self else default


def load_command(name: str) -> Any:
    """Return the command that a file of this package holds."""
    module = importlib.import_module(f"vlcalc.cli.{name}")
    if hasattr(module, "app"):
        return typer.main.get_group(module.app)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command(name, cls=Command)(getattr(module, f"{name}_command"))
    return typer.main.get_command(alone)


class LazyGroup(TyperGroup):
    """The group of all commands."""

    def __init__(self, **options: Any) -> None:
        """Know the commands by name alone."""
        super().__init__(**options)
        self.commands = LazyCommands(dict.fromkeys(NAMES))
