"""How much of a load fits: the largest batch, the most images of a prompt, the longest context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

from vlcalc.core.errors import InputError, RefusedError
from vlcalc.inference.inference import infer
from vlcalc.inference.load import MAX_BATCH_SIZE, MAX_OUTPUT_TOKENS, Load
from vlcalc.inference.plan import make_plan
from vlcalc.serving.search import Search
from vlcalc.spec.schema import ModelSpec

# Tilings that cut one or two images into tiles leave more of them whole (DeepSeek-VL2), so that
# this many may need less than one fewer.
NUM_UNCUT_IMAGES = 3

Bound = Literal["memory", "context window", "most that can be asked"]


class Limit(NamedTuple):
    """How much fits, all else being as asked; one more does not.

    Attributes:
        value: 0 where not even the least fits.
        bound: what one more would break.
    """

    name: Literal["batch", "images", "context"]
    value: int
    bound: Bound


def limits(spec: ModelSpec, load: Load, room_bytes: int) -> Iterator[Limit]:
    """Yield how much of a load fits into so many bytes of one device; needs torch.

    Args:
        spec: one device's part of a model.
        load: what is asked; each limit changes one number of it.
        room_bytes: for weights, cache and activations.
    """
    room = Room(spec, room_bytes)
    yield room.limit("batch", lambda number: replace(load, batch_size=number), MAX_BATCH_SIZE)
    yield room.limit("images", lambda number: replace(load, num_images=number), MAX_BATCH_SIZE)
    context = room.limit(
        "context", lambda number: replace(load, text_tokens=number), MAX_OUTPUT_TOKENS
    )
    yield context._replace(value=_context(spec, replace(load, text_tokens=context.value)))


def _context(spec: ModelSpec, load: Load) -> int:
    """Return the positions of prompt and answer; 0 where not even one token of text fits."""
    if not load.text_tokens:
        return 0
    return make_plan(spec, load).num_positions


class Room:
    """Asks whether loads of a model fit into memory and window."""

    def __init__(self, spec: ModelSpec, room_bytes: int) -> None:
        self._spec = spec
        self._room_bytes = room_bytes

    def limit(
        self,
        name: Literal["batch", "images", "context"],
        with_number: Callable[[int], Load],
        most: int,
    ) -> Limit:
        """Return the most of something that fits, and what bounds it."""
        can_be = _largest(Search(lambda number: self._tried(with_number(number)), 0), name, most)
        search = Search(lambda number: self._bytes(with_number(number)), self._room_bytes)
        value = _largest(search, name, can_be)
        if value < can_be:
            return Limit(name, value, "memory")
        return Limit(name, value, "context window" if value < most else "most that can be asked")

    def _tried(self, load: Load) -> int | None:
        """Return 0 for a load that window and processor take; None for another."""
        try:
            make_plan(self._spec, load)
        except (InputError, RefusedError):
            return None
        return 0

    def _bytes(self, load: Load) -> int | None:
        """Return what a load needs; None where window and processor do not take it."""
        return None if self._tried(load) is None else infer(self._spec, load).total_bytes


def _largest(search: Search, name: str, most: int) -> int:
    """Return the largest number that fits, whether or not fewer images do."""
    value = search.largest(most=most)
    if name == "images" and value < NUM_UNCUT_IMAGES <= most and search.fits(NUM_UNCUT_IMAGES):
        return search.largest(least=NUM_UNCUT_IMAGES, most=most)
    return value
