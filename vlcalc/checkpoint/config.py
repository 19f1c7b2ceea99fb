"""A typed view of a configuration file's object: what it says, else what its class has as default.

A value that goes into the spec as it is stays `Sourced`: it is checked by the spec's own fields,
and remembers the file and key that it came from. A value that something is worked out from is read
by a typed getter, which refuses what cannot be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from vlcalc.core.errors import InputError
from vlcalc.spec.document import Mark

MAX_INTEGER = 10**12  # far above any size in a configuration, far below what arithmetic is slow on
# Names of activations in configuration files -> ours; others stay, for the spec to refuse.
ACTIVATIONS = {
    "gelu_fast": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu2": "squared_relu",
    "swish": "silu",
}


class KeyMark(Mark):
    """The file and the key, or keys, that a value came from; a JSON file has no line to name."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.file


class Sourced(NamedTuple):
    """A value, and where it is from."""

    value: object
    mark: Mark


def plain_value(value: object) -> object:
    """Return a block's value without its source."""
    return value.value if isinstance(value, Sourced) else value


def plain_integer(value: object) -> int:
    """Return the integer of a block's value; 1 where it is none, which the spec then refuses."""
    value = plain_value(value)
    return value if type(value) is int else 1


class Config:
    """An object of a configuration file.

    Attributes:
        model_type: the class that it configures; "" where it does not say.
        where: the file, and the key path of the object in it.
        defaults: what its class has where a key is absent.
    """

    def __init__(
        self,
        data: Mapping[str, object],
        where: str,
        *,
        model_type: str = "",
        defaults: Mapping[str, object] | None = None,
        overlaid: Mapping[str, str] | None = None,
    ) -> None:
        """View an object.

        Args:
            data: its keys and values.
            where: the file, and the key path of the object in it.
            model_type: its type, where it does not say one itself.
            defaults: what its class has where a key is absent.
            overlaid: keys whose values are not the file's, each with where it is from.
        """
        self._data = data
        self.where = where
        self.defaults = defaults or {}
        self._overlaid = overlaid or {}
        self.model_type = model_type or str(data.get("model_type") or "")

    def with_defaults(self, defaults: Mapping[str, object]) -> Config:
        """Return a view of the same object with the defaults of a class."""
        return Config(
            self._data,
            self.where,
            model_type=self.model_type,
            defaults=defaults,
            overlaid=self._overlaid,
        )

    def overlaid(self, values: Mapping[str, object], where: str) -> Config:
        """Return a view in which some values are others, which come from `where`."""
        return Config(
            {**self._data, **values},
            self.where,
            model_type=self.model_type,
            defaults=self.defaults,
            overlaid={**self._overlaid, **dict.fromkeys(values, where)},
        )

    def has(self, name: str) -> bool:
        """Tell whether the object itself has a key, and not null."""
        return self._data.get(name) is not None

    def names(self) -> list[str]:
        """Return the keys that the object itself has."""
        return list(self._data)

    def key(self, *names: str) -> Sourced:
        """Return the value of one of several spellings of a key, with its source.

        The first that is not null counts; null where all that are there are.

        Raises:
            InputError: neither the object nor its class has one.
        """
        present = [name for name in names if name in self._data]
        for name in sorted(present, key=lambda name: self._data[name] is None):
            return Sourced(self._checked(name, self._data[name]), self.mark(name))
        for name in names:
            if name in self.defaults:
                return Sourced(self.defaults[name], self.mark(name))
        raise InputError(expected="a value", got="no such key", where=f"{self.where}{names[0]}")

    def _checked(self, name: str, value: object) -> object:
        if isinstance(value, (int, float)) and not abs(value) <= MAX_INTEGER:
            raise InputError(
                expected=f"a number of at most {MAX_INTEGER:,}",
                got=_shown(value),
                where=str(self.mark(name)),
            )
        return value

    def mark(self, *names: str) -> Mark:
        """Return the mark of one key, or of several that a value was worked out from."""
        defaults = [name for name in names if name not in self._data]
        by_default = f" ({self.model_type or 'class'} default)" if defaults else ""
        where = self._overlaid.get(names[0], self.where)
        return KeyMark(f"{where}{', '.join(names)}{by_default}", 0)

    def derived(self, value: object, *names: str) -> Sourced:
        """Return a value that was worked out from keys of this object."""
        return Sourced(value, self.mark(*names))

    def integer(self, *names: str, least: int = 1) -> int:
        """Return an integer of at least `least`.

        Raises:
            InputError: it is none.
        """
        value, mark = self.key(*names)
        if type(value) is not int or value < least:
            raise InputError(
                expected=f"an integer of at least {least}", got=_shown(value), where=str(mark)
            )
        return value

    def optional_integer(self, *names: str, least: int = 1) -> int | None:
        """Return an integer of at least `least`; None where the key is absent or null.

        Raises:
            InputError: it is something else.
        """
        for name in names:
            if self._data.get(name, self.defaults.get(name)) is not None:
                return self.integer(name, least=least)
        return None

    def number(self, *names: str) -> float:
        """Return a finite number above 0.

        Raises:
            InputError: it is none.
        """
        value, mark = self.key(*names)
        if type(value) not in (int, float) or not 0 < float(str(value)) < math.inf:
            raise InputError(expected="a number above 0", got=_shown(value), where=str(mark))
        return float(str(value))

    def flag(self, *names: str) -> bool:
        """Return a truth value; null counts as false.

        Raises:
            InputError: it is none.
        """
        value, mark = self.key(*names)
        if value is not None and type(value) is not bool:
            raise InputError(expected="`true` or `false`", got=_shown(value), where=str(mark))
        return bool(value)

    def string(self, *names: str) -> str:
        """Return a text.

        Raises:
            InputError: it is none.
        """
        value, mark = self.key(*names)
        if not isinstance(value, str):
            raise InputError(expected="text", got=_shown(value), where=str(mark))
        return value

    def items(self, *names: str) -> list[object]:
        """Return a list; a single value is one of its own, null is none.

        Raises:
            InputError: it is an object.
        """
        value, mark = self.key(*names)
        if isinstance(value, dict):
            raise InputError(expected="a list", got=_shown(value), where=str(mark))
        if value is None:
            return []
        return list(value) if isinstance(value, (list, tuple)) else [value]

    def integers(self, *names: str, least: int = 0) -> list[int]:
        """Return a list of integers of at least `least`.

        Raises:
            InputError: it is something else.
        """
        values = self.items(*names)
        integers = [value for value in values if type(value) is int and value >= least]
        if len(integers) < len(values):
            raise InputError(
                expected=f"integers of at least {least}",
                got=_shown(self.key(*names).value),
                where=str(self.mark(*names[:1])),
            )
        return integers

    def side(self, *names: str) -> int:
        """Return the side of a square, spelled as a number, as two of them or by height and width.

        Raises:
            InputError: it is no square, or something else.
        """
        value, mark = self.key(*names)
        if isinstance(value, dict):
            value = [value.get("height"), value.get("width")]
        sides = value if isinstance(value, (list, tuple)) and value else [value]
        first = sides[0]
        if type(first) is not int or first < 1 or any(side != first for side in sides):
            raise InputError(
                expected="the side of a square in pixels", got=_shown(value), where=str(mark)
            )
        return first

    def activation(self, *names: str) -> Sourced:
        """Return an activation by our name."""
        value, mark = self.key(*names)
        return Sourced(ACTIVATIONS.get(value, value) if isinstance(value, str) else value, mark)

    def text(self, model_type: str) -> Config:
        """Return the object `text_config`; this one itself where it is flat, as older files are."""
        if self.has("text_config"):
            return self.section("text_config", model_type=model_type)
        return Config(self._data, self.where, model_type=model_type)

    def section(self, name: str, *, model_type: str = "") -> Config:
        """Return an object inside this one; the default one of the class where there is none.

        Args:
            name: its key.
            model_type: its type, where the class allows one only, whatever the file says.

        Raises:
            InputError: there is something else under the key, or nothing and no default.
        """
        default = self.defaults.get(name)
        value = self._data.get(name)
        if value is None:
            value = default
        if not isinstance(value, Mapping):
            raise InputError(
                expected="an object",
                got=_shown(value) if value is not None else "no such key",
                where=f"{self.where}{name}",
            )
        if isinstance(default, Mapping) and not model_type:
            model_type = str(value.get("model_type") or default.get("model_type") or "")
        where = f"{self.where}{name}."
        return Config(value, where, model_type=model_type)


def _shown(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, (dict, list, tuple)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value) if not isinstance(value, int) or abs(value) < MAX_INTEGER else "a larger one"
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"
