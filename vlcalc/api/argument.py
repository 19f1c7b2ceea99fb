"""How an error of the API names the argument that it is about."""

from __future__ import annotations


class Argument(str):
    """The place of an error that begins with an argument's name; a command says its option."""

    __slots__ = ()
