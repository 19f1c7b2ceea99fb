"""Name -> entry, one module per entry: a new file in a folder is a new one."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from vlcalc.core.errors import InputError, near_miss

T = TypeVar("T")


class Registry(Generic[T]):
    """Entries of one kind by name, each in the module of `package` that has its name.

    A look-up imports just the one module, so that start-up does not pay for the others.

    Args:
        what: what is registered, in words, for messages ("tiling policy").
        package: dotted name of the package whose modules register the entries.
    """

    def __init__(self, what: str, package: str) -> None:
        self.what = what
        self._package = package
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that files an entry under `name`; a duplicate is our own bug."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"duplicate {self.what} {name!r}")
            self._entries[name] = entry
            return entry

        return add

    def get(self, name: str, *, where: str = "") -> T:
        """Return the entry called `name`.

        Raises:
            InputError: there is none; the nearest name is suggested.
        """
        if name not in self._entries:
            self._import(name)
        if name not in self._entries:
            known = ", ".join(f"`{key}`" for key in self.names())
            hint = near_miss(name, self.names()) or f"known: {known}"
            raise InputError(
                expected=f"the name of a {self.what}", got=f"`{name}`", where=where, hint=hint
            )
        return self._entries[name]

    def names(self) -> list[str]:
        """Return every registered name, sorted; imports all modules of the package."""
        import_submodules(self._package)
        return sorted(self._entries)

    def _import(self, name: str) -> None:
        if name.isidentifier() and importlib.util.find_spec(f"{self._package}.{name}"):
            importlib.import_module(f"{self._package}.{name}")

    def __iter__(self) -> Iterator[T]:
        return (self._entries[name] for name in self.names())


def import_submodules(package: str) -> None:
    """Import every module directly inside `package` (a dotted name)."""
    module = importlib.import_module(package)
    for info in pkgutil.iter_modules(module.__path__):
        importlib.import_module(f"{package}.{info.name}")
