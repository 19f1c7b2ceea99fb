"""How much of a load fits: the largest batch, the most images of a prompt, the longest context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from vlcalc.core.bounds import MAX_BATCH_SIZE
from vlcalc.core.errors import InputError, RefusedError
from vlcalc.core.known import sum_known
from vlcalc.cost.components import components
from vlcalc.inference.blocks.block import Pass, Phase
from vlcalc.inference.blocks.phases import phase_passes
from vlcalc.inference.costs import block_peaks
from vlcalc.inference.load import MAX_OUTPUT_TOKENS, Load
from vlcalc.inference.memory import cache_bytes, weight_bytes
from vlcalc.inference.plan import Plan, make_plan
from vlcalc.serving.search import Search
from vlcalc.spec.schema import ModelSpec

# Tilings that cut one or two images into tiles leave more of them whole (DeepSeek-VL2), so that
# this many may need less than one fewer.
NUM_UNCUT_IMAGES = 3

LimitName = Literal["batch", "images", "context"]
LimitBound = Literal["memory", "context window", "most that can be asked"]


class Limit(NamedTuple):
    """How much fits, all else being as asked; one more does not.

    Attributes:
        value: 0 where not even the least fits.
        bound: what one more would break.
    """

    name: LimitName
    value: int
    bound: LimitBound


def limits(spec: ModelSpec, load: Load, room_bytes: int) -> Iterator[Limit]:
    """Yield how much of a load fits into so many bytes of one device; needs torch.

    Args:
        spec: one device's part of a model.
        load: each limit changes one number of it.
        room_bytes: for weights, cache and activations.
    """
    room = Room(spec, room_bytes)
    yield room.limit("batch", lambda number: replace(load, batch_size=number), MAX_BATCH_SIZE)
    if "fusion" in spec.components:
        yield room.limit("images", lambda number: replace(load, num_images=number), MAX_BATCH_SIZE)
    if "language" not in spec.components:
        return
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
    """Counts what loads of a model need, as little of it as tells whether they fit.

    Window, weights and cache are closed forms. The activations of a load are those of the block
    that needs most; where the block that needed most of the load before is already too much, the
    other blocks are not traced.
    """

    def __init__(self, spec: ModelSpec, room_bytes: int) -> None:
        self._spec = spec
        self._params = components(spec)
        self._room_bytes = room_bytes
        self._heaviest: tuple[Phase, str] | None = None

    def limit(self, name: LimitName, with_number: Callable[[int], Load], most: int) -> Limit:
        """Return the most of something that fits, and what bounds it."""
        in_window = Search(lambda number: self._in_window(with_number(number)), 0)
        can_be = _largest(in_window, name, most)
        need = Search(lambda number: self._bytes(with_number(number)), self._room_bytes)
        value = _largest(need, name, can_be)
        if value < can_be:
            return Limit(name, value, "memory")
        return Limit(name, value, "context window" if value < most else "most that can be asked")

    def _plan(self, load: Load) -> Plan | None:
        """Return the plan of a load; None where window and processor do not take it."""
        try:
            return make_plan(self._spec, load)
        except (InputError, RefusedError):
            return None

    def _in_window(self, load: Load) -> int | None:
        return None if self._plan(load) is None else 0

    def _bytes(self, load: Load) -> int | None:
        """Return the bytes that a load needs, at least; all of them where they are in the room.

        None where window and processor do not take it, or where a part of it is not known.
        """
        plan = self._plan(load)
        cache = None if plan is None else cache_bytes(plan)
        if plan is None or cache is None:
            return None
        phases = phase_passes(plan)
        kept_bytes = sum_known((weight_bytes(self._params, plan).total, cache.total))
        if kept_bytes is None or None in phases.values():
            return None
        return kept_bytes + self._peak_bytes(phases, load, self._room_bytes - kept_bytes)

    def _peak_bytes(
        self, phases: Mapping[Phase, Sequence[Pass] | None], load: Load, left_bytes: int
    ) -> int:
        """Return the peak activations, or of one block more than is left for them."""
        placed = [
            ((phase, block.path), block)
            for phase, passes in phases.items()
            for passed in passes or ()
            for block in passed.blocks
        ]
        heaviest = [block for place, block in placed if place == self._heaviest]
        peak = max(block_peaks(heaviest, load), default=0)
        if peak > left_bytes or not placed:
            return peak
        peaks = block_peaks([block for _, block in placed], load)
        self._heaviest = placed[peaks.index(max(peaks))][0]
        return max(peaks)


def _largest(search: Search, name: LimitName, most: int) -> int:
    """Return the largest number that fits, whether or not fewer images do."""
    value = search.largest(most=most)
    if name == "images" and value < NUM_UNCUT_IMAGES <= most and search.fits(NUM_UNCUT_IMAGES):
        return search.largest(least=NUM_UNCUT_IMAGES, most=most)
    return value
