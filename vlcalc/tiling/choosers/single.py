"""Single: never cut."""

from __future__ import annotations

from typing import Literal

from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, SINGLE_TILE, Chooser, TileGrid


@CHOOSERS.register("single")
class Single(Chooser):
    """The image is never cut."""

    kind: Literal["single"]

    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        return SINGLE_TILE

    @property
    def rule(self) -> str:
        return "never cut"
