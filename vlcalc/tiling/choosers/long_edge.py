"""Long edge: the long side is set to a multiple of the tile, the short side follows, rounded up.

Source: transformers `models/idefics3/image_processing_idefics3.py`, functions
`get_resize_output_image_size` and `resize_for_vision_encoder`.
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, Chooser, TileGrid


@CHOOSERS.register("long_edge")
class LongEdge(Chooser):
    """Enlarge or shrink to `longest_edge`, then both sides up to whole tiles.

    The source caps the sides at 4,096 px after that; no published checkpoint comes near.

    Attributes:
        longest_edge: pixels of the long side.
    """

    kind: Literal["long_edge"]
    longest_edge: PositiveInt

    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        width, height = self._scaled(image)
        aspect_ratio = width / height
        if width >= height:
            width = _round_up(width, tile)
            height = _round_up(int(width / aspect_ratio), tile)
        else:
            height = _round_up(height, tile)
            width = _round_up(int(height * aspect_ratio), tile)
        return TileGrid(width // tile, height // tile)

    def _scaled(self, image: ImageSize) -> tuple[int, int]:
        """Return width and height once the long side is set; the short side is made even."""
        longest, aspect_ratio = self.longest_edge, image.aspect_ratio
        if image.width >= image.height:
            return longest, max(_round_up(int(longest / aspect_ratio), 2), 1)
        return max(_round_up(int(longest * aspect_ratio), 2), 1), longest

    @property
    def rule(self) -> str:
        return f"long side to {self.longest_edge:,} px whatever the size, both up to whole tiles"


def _round_up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple
