"""The largest number that fits, of a need that grows with it."""

from __future__ import annotations

from collections.abc import Callable

# How often a line through two needs is followed before an interval is halved.
NUM_ESTIMATES = 4


class Search:
    """Looks for the largest number whose need is within the room.

    Needs are costly to count and nearly on a line, so that the line through two of them is followed
    first; halving what is left in between makes sure that it ends soon on any need that grows.

    Attributes:
        needs: those that were counted, by number; None where a number cannot be.
    """

    def __init__(self, need: Callable[[int], int | None], room: int) -> None:
        self._need = need
        self._room = room
        self.needs: dict[int, int | None] = {}

    def fits(self, number: int) -> bool:
        """Return whether a number can be, and its need is within the room."""
        if number not in self.needs:
            self.needs[number] = self._need(number)
        needed = self.needs[number]
        return needed is not None and needed <= self._room

    def largest(self, *, least: int = 1, most: int) -> int:
        """Return the largest number that fits, `least` - 1 where none does.

        Both it and the number after it, unless that is beyond `most`, have been counted.
        """
        low, high, turn = least - 1, most + 1, 0
        lows: list[int] = []
        highs: list[int] = []
        while high - low > 1:
            halve = turn % (NUM_ESTIMATES + 1) == NUM_ESTIMATES
            probe = (low + high) // 2 if halve else self._estimate(lows, highs)
            probe = min(max(probe, low + 1), high - 1)
            if self.fits(probe):
                low = probe
                lows.append(probe)
            else:
                high = probe
                highs += [probe] if self.needs[probe] is not None else []
            turn += 1
        return low

    def _estimate(self, lows: list[int], highs: list[int]) -> int:
        """Return where the line through two needs leaves the room.

        Args:
            lows: numbers that fit, the largest last.
            highs: numbers whose need is too much, the smallest last.
        """
        near = [lows[-1], highs[-1]] if lows and highs else (lows or highs)[-2:]
        needs = [self.needs[number] or 0 for number in near]
        if len(near) < 2 or needs[0] == needs[1]:
            return near[0] // 2 if highs else 2 * max(lows, default=0) + 1
        return near[0] + (self._room - needs[0]) * (near[1] - near[0]) // (needs[1] - needs[0])
