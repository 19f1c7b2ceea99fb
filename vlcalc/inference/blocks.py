"""A block: a piece of a model that runs some times in a phase, always on the same shapes.

Its FLOPs are a closed form; its module and inputs can be built on meta, where its bytes and peak
activations are counted, or on a real device, where it is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor, nn

Component = Literal["vision", "fusion", "language"]
Phase = Literal["encode", "fuse", "prefill", "decode"]

PHASES: tuple[Phase, ...] = ("encode", "fuse", "prefill", "decode")

Build = Callable[[str], "tuple[nn.Module, tuple[Tensor, ...]]"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One piece.

    Attributes:
        path: what it is, e.g. `vision.layers`.
        num_repeats: how often it runs: once for each of the equal layers.
        flops: FLOPs of one run, over the whole batch.
        build: gives the module and its inputs on a device.
        held_values: values that others have given and that stay alive while it runs.
        num_cached_inputs: how many of its inputs, the last ones, lie in the cache.
        linears: (outputs, inputs) of the linear weights that a quantisation would keep.
    """

    component: Component
    path: str
    num_repeats: int
    flops: int
    build: Build = field(repr=False, compare=False)
    held_values: int = 0
    num_cached_inputs: int = 0
    linears: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Blocks in a row, and how often they run like this: once, or for so many decoded tokens.

    Attributes:
        context: positions that a decoded token attends to, itself included; None for a prompt.
    """

    blocks: tuple[Block, ...]
    num_runs: Fraction = Fraction(1)
    context: int | None = None

    @property
    def flops(self) -> Fraction:
        """FLOPs of all of it."""
        return self.num_runs * sum(block.num_repeats * block.flops for block in self.blocks)
