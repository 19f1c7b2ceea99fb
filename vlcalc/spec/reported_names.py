"""Which device it is that a driver reports under some name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from vlcalc.spec.device import DeviceSpec

# Older drivers leave the vendor out: `GeForce RTX 3090`, `A100-SXM4-40GB`.
VENDORS = ("nvidia", "amd")
# Beyond this the name is of another variant, or of a part of a device. A card of `80 GB` reports
# 85 * 10^9 bytes, one with error correction in its memory less than it has.
MEMORY_TOLERANCE = 0.15
# Sold with several sizes of memory under one name.
ANY_MEMORY = ("apple", "cpu")


class Match(NamedTuple):
    """The device that a name means, or those that it may mean."""

    device: DeviceSpec | None
    candidates: tuple[str, ...] = ()


def match_reported(name: str, memory_bytes: int | None, devices: Iterable[DeviceSpec]) -> Match:
    """Return the device that reports itself as `name`, or the candidates where that is not certain.

    A longer name is another device (`RTX 4090 Laptop GPU`); a shorter one leaves it open
    (`NVIDIA H100`).

    Args:
        name: as the driver gives it.
        memory_bytes: as the driver gives it; None where it is not known.
        devices: to choose from.
    """
    words = _words(name)
    likely = [each for each in devices if _may_hold(each, memory_bytes)]
    exact = [each for each in likely if words in map(_words, each.reported_as)]
    if len(exact) == 1:
        return Match(exact[0])
    open_ones = exact or [each for each in likely if words and _may_be(each, words)]
    return Match(None, tuple(each.name for each in open_ones))


def _words(name: str) -> tuple[str, ...]:
    words = tuple(re.findall(r"[a-z0-9]+", name.casefold()))
    return words[1:] if words and words[0] in VENDORS else words


def _may_be(device: DeviceSpec, words: tuple[str, ...]) -> bool:
    return any(_words(name)[: len(words)] == words for name in device.reported_as)


def _may_hold(device: DeviceSpec, memory_bytes: int | None) -> bool:
    stated = device.memory_bytes
    if memory_bytes is None or stated is None or device.kind in ANY_MEMORY:
        return True
    return abs(memory_bytes - stated) <= MEMORY_TOLERANCE * stated
