"""What a micro-benchmark is: an operator, sizes, and operands cut from one buffer.

Weights are taken from all over a large buffer, so that no cache holds them, as in a model of many
layers; activations come from one place, as they do from the operator before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from math import ceil, isqrt, prod
from statistics import median
from typing import Any

import torch
from torch import Tensor

from vlcalc.cost.layouts import Layout
from vlcalc.measurement.clocks import Clock
from vlcalc.spec.calibration import Quantity

Sizes = Mapping[Quantity, int]
Axes = dict[Quantity, tuple[int, ...]]
Run = Callable[[], Any]

LAYOUTS: tuple[Layout, ...] = ("contiguous", "channels_last", "strided")
MIN_BLOCK_S = 1e-3
NUM_BLOCKS = 3
# A call that lasts longer is a block by itself.
LONG_S = 2e-2
# A longer call lasts longer than launching it, so that nothing is gained by recording it.
SHORT_S = 1e-3
# Calls that a recording holds: so many that they take weights from all over the buffer.
RECORDED = 16
COLD_BYTES = 2**27
# Accelerators are measured with so much more.
LARGE = 4
MAX_WEIGHTS = 64


class CpuTimeClock(Clock):
    """The time that this process computes, which other programs do not lengthen.

    It is the time that one thread takes only where there is one thread.
    """

    def seconds(self, run: Run) -> float:
        start = time.process_time()
        run()
        return time.process_time() - start


class Timer:
    """Times a callable in blocks that last long enough for the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def seconds(self, run: Run) -> float:
        """Return the time of one call: the median of some blocks, as of a run in everyday use.

        The fastest block would tell how fast a quiet machine is for a moment, which nothing that
        lasts longer ever sees.
        """
        run()
        again_s = self._clock.seconds(run)
        if again_s > LONG_S:
            return again_s
        at_once = 1
        short = again_s < min(self._clock.record_below_s, SHORT_S)
        if short and (replay := self._clock.record([run] * RECORDED)):
            run, at_once = replay, RECORDED
        times = max(1, ceil(MIN_BLOCK_S / max(at_once * again_s, 1e-7)))
        blocks = [self._clock.seconds(partial(_repeat, run, times)) for _ in range(NUM_BLOCKS)]
        return median(blocks) / (times * at_once)


def _repeat(run: Run, times: int) -> None:
    for _ in range(times):
        run()


class Buffer:
    """Random values that operands are cut from, so that none is made for each of them."""

    def __init__(self, device: str, dtype: torch.dtype) -> None:
        size = COLD_BYTES if device == "cpu" else LARGE * COLD_BYTES
        elements = size // dtype.itemsize
        self._weights = torch.empty(elements, device=device, dtype=dtype).uniform_(-0.1, 0.1)
        self._values = torch.empty(elements, device=device, dtype=dtype).uniform_(-1, 1)
        self._taken = 0
        self._most = MAX_WEIGHTS

    def values(self, *shape: int) -> Tensor:
        """Return activations; those of one benchmark lie one behind the other."""
        start, self._taken = self._taken, self._taken + prod(shape)
        if self._taken > self._values.numel():
            raise MemoryError("the activations of a benchmark are too large")
        return self._values[start : self._taken].view(shape)

    def weights(self, *shape: int) -> Iterator[Tensor]:
        """Return weights one after another, without end, from all over the buffer."""
        size = prod(shape)
        number = max(1, min(self._most, self._weights.numel() // size))
        step = self._weights.numel() // number
        views = [self._weights[at * step :][:size].view(shape) for at in range(number)]
        return cycle(views)

    @contextmanager
    def few_weights(self) -> Iterator[None]:
        """Let weights be the same each time while the block runs."""
        self._most = 1
        try:
            yield
        finally:
            self._most = MAX_WEIGHTS

    def restart(self) -> None:
        """Let activations begin at the front again."""
        self._taken = 0


Make = Callable[[Buffer, Sizes], Run]


@dataclass(frozen=True, slots=True)
class RateGrid:
    """One operator over all combinations of sizes.

    Attributes:
        name: as a calibration keeps it.
        make: returns what runs once for some sizes.
        work: of one run: FLOPs of a product; None where it is the bytes of the sizes.
    """

    name: str
    axes: Axes
    make: Make
    work: Callable[[Sizes], int] | None = None


def image_of(buffer: Buffer, layout: Layout, channels: int, places: int) -> Tensor:
    """Return a square of places with channels, laid out as the output of a transformer or not."""
    side = isqrt(places)
    if layout == "contiguous":
        return buffer.values(1, channels, side, side)
    image = buffer.values(1, places, channels).transpose(1, 2).unflatten(2, (side, side))  # type: ignore[no-untyped-call]
    if layout == "strided":  # the stride of a batch of one says nothing
        return torch.as_strided(image, image.shape, (channels, *image.stride()[1:]))
    return torch.as_strided(image, image.shape, (places * channels, *image.stride()[1:]))
