"""Readers by `model_type`: of whole models (`families/`), of their encoders and language models.

A reader is a function that turns a configuration into a block of the spec. It is registered for one
type or several, each with the defaults of its transformers class: the value of a key that a file
leaves out. Only keys that the reader asks for are listed. A reader of an encoder is called
`*_encoder`, of a language model `*_decoder`, of a whole model as the model is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from vlcalc.checkpoint.config import Config
from vlcalc.core.errors import InputError, near_miss
from vlcalc.core.registry import Registry

Block = dict[str, object]
Subject = TypeVar("Subject")


class Reader(NamedTuple, Generic[Subject]):
    """What reads a type, and the defaults of its class."""

    read: Callable[[Subject], Block]
    defaults: Mapping[str, object]


ENCODERS: Registry[Reader[Config]] = Registry("encoder type", "vlcalc.checkpoint.encoders")
DECODERS: Registry[Reader[Config]] = Registry("language model type", "vlcalc.checkpoint.decoders")


def reads(
    registry: Registry[Reader[Subject]], model_type: str, **defaults: object
) -> Callable[[Callable[[Subject], Block]], Callable[[Subject], Block]]:
    """Return a decorator that files a reader under a type, with the defaults of its class."""

    def add(read: Callable[[Subject], Block]) -> Callable[[Subject], Block]:
        registry.register(model_type)(Reader(read, defaults))
        return read

    return add


def reader_of(registry: Registry[Reader[Subject]], config: Config) -> Reader[Subject]:
    """Return the reader of a configuration's type.

    Raises:
        InputError: it says no type, or one that is not known; near ones are named.
    """
    names = registry.names()
    if config.model_type in names:
        return registry.get(config.model_type)
    alike = [name for name in names if name.split("_")[0] == config.model_type.split("_")[0]]
    known = ", ".join(f"`{name}`" for name in alike)
    raise InputError(
        expected=f"a {registry.what} that is known",
        got=f"`{config.model_type[:60]}`" if config.model_type else "none",
        where=f"{config.where}model_type",
        hint=near_miss(config.model_type[:60], names) or (f"alike: {known}" if known else ""),
    )


def read_encoder(config: Config) -> Block:
    """Return the `vision:` block of a vision configuration; raises InputError as `reader_of`."""
    reader = reader_of(ENCODERS, config)
    return reader.read(config.with_defaults(reader.defaults))


def read_decoder(config: Config, **over: object) -> Block:
    """Return the `language:` block of a text configuration.

    Args:
        config: the configuration.
        over: keys of the shape that the model around it decides, e.g. whether the head is tied.

    Raises:
        InputError: as `reader_of`.
    """
    reader = reader_of(DECODERS, config)
    block = reader.read(config.with_defaults(reader.defaults))
    for shape in ("decoder", "encoder_decoder"):
        inner = block.get(shape)
        if isinstance(inner, dict):
            inner.update(over)
    return block
