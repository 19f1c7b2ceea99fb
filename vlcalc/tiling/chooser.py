"""Contract of the choosers: which grid of tiles an image is cut into.

A chooser is one file of `choosers/`: a frozen model whose fields are the keys of the `chooser:`
block, registered under its `kind`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, NamedTuple

from vlcalc.core.registry import Registry
from vlcalc.tiling.base import Frozen, ImageSize
from vlcalc.tiling.field import ByKind


class TileGrid(NamedTuple):
    """A grid of equal tiles, columns first."""

    columns: int
    rows: int

    def __str__(self) -> str:
        return f"{self.columns} x {self.rows}"

    @property
    def num_tiles(self) -> int:
        """Columns times rows."""
        return self.columns * self.rows


SINGLE_TILE = TileGrid(1, 1)


class Chooser(Frozen, ABC):
    """The rule that picks the grid for an image; fields are the keys of the `chooser:` block."""

    kind: str

    @abstractmethod
    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        """Return the grid for `image`, whose tiles are `tile` px wide and high.

        Raises:
            RefusedError: the model's processor refuses such an image.
        """

    @property
    @abstractmethod
    def rule(self) -> str:
        """The rule in one line, for explanations."""


CHOOSERS: Registry[type[Chooser]] = Registry("chooser", "vlcalc.tiling.choosers")

ChooserField = Annotated[Chooser, ByKind(CHOOSERS)]
