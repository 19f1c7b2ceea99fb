"""A block: a piece of a model on one shape of inputs. A pass: blocks in a row.

A block's FLOPs are a closed form. Its module and inputs can be built on meta, where its operators
and its peak are traced, or on a real device, where it is timed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from vlcalc.backbones.language import Linear
from vlcalc.spec.schema import Part

if TYPE_CHECKING:
    from torch import Tensor, nn

Phase = Literal["encode", "fuse", "prefill", "decode"]

PHASES: tuple[Phase, ...] = ("encode", "fuse", "prefill", "decode")
# The component of a model that runs a phase; one by itself has no other phases.
COMPONENT_OF: dict[Phase, Part] = {
    "encode": "vision",
    "fuse": "fusion",
    "prefill": "language",
    "decode": "language",
}

Built = tuple["nn.Module", tuple["Tensor", ...]]


@dataclass(frozen=True, kw_only=True)
class Block(ABC):
    """One piece; each kind of it has the fields that its module and inputs are built from.

    Blocks are equal if they run the same module on the same shapes, wherever they stand, however
    often they run, and whatever is alive beside them: a trace of one is a trace of the other.

    Attributes:
        path: what it is, e.g. `vision.layers`.
        num_repeats: how often it runs: once for each of the equal layers.
        held_values: values that were made before it and are needed after it, besides its inputs.
    """

    path: str = field(compare=False)
    num_repeats: int = field(default=1, compare=False)
    held_values: int = field(default=0, compare=False)

    @property
    def flops(self) -> int:
        """FLOPs of one run, over the whole batch."""
        return 0

    @property
    def num_cached_inputs(self) -> int:
        """How many of its inputs, the last ones, lie in the cache."""
        return 0

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The linear weights that it reads and a quantisation would keep in fewer bits."""
        return ()

    @abstractmethod
    def build(self, device: str) -> Built:
        """Return its module and the inputs of it, on a device."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
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
