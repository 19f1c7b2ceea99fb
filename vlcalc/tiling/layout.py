"""Contract of the layouts: how the vectors of a grid's tiles are laid out in the sequence.

A layout is one file of `layouts/`: a frozen model whose fields are the keys of the `layout:` block,
registered under its `kind`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, NamedTuple

from vlcalc.core.bounds import NonNegativeInt
from vlcalc.core.registry import Registry
from vlcalc.tiling.base import Frozen, ImageSize
from vlcalc.tiling.chooser import TileGrid
from vlcalc.tiling.field import ByKind


class TileShape(NamedTuple):
    """One tile, as the encoder gives it.

    Attributes:
        size: side in pixels.
        patch: side of a patch in pixels.
        merge: side of the square of patches that becomes one vector.
        vectors: vectors that leave the encoder for one tile.
    """

    size: int
    patch: int
    merge: int
    vectors: int

    @property
    def num_patches_side(self) -> int:
        """Patches along a side."""
        return self.size // self.patch

    @property
    def token_side(self) -> int:
        """Vectors along a side; a side that the merge does not divide is padded up."""
        return -(-self.num_patches_side // self.merge)


class Laid(NamedTuple):
    """Vectors of the tiles as they are laid out.

    Attributes:
        vectors: vectors of the tiles themselves.
        newlines: learned newline vectors between them.
        token_rows: rows of vectors.
    """

    vectors: int
    newlines: int
    token_rows: int


class TokenLayout(Frozen, ABC):
    """How vectors are laid out; fields are the keys of the `layout:` block.

    Attributes:
        separators: learned separator vectors, once per image, cut or not.
        thumbnail_newline: whether a newline vector ends every row of the whole image's vectors.
    """

    kind: str
    separators: NonNegativeInt = 0
    thumbnail_newline: bool = False

    @abstractmethod
    def lay(self, image: ImageSize, grid: TileGrid, tile: TileShape) -> Laid:
        """Return what the vectors of a grid's tiles become.

        Raises:
            RefusedError: the model's processor refuses such an image.
        """

    def canvas(self, grid: TileGrid, tile: TileShape) -> ImageSize:
        """Return the pixels that the tiles are cut from."""
        return ImageSize(grid.columns * tile.size, grid.rows * tile.size)

    @abstractmethod
    def describe(self, laid: Laid) -> str:
        """Say in one line how the vectors of the tiles stand, for explanations."""


def vector_rule(merge: int) -> str:
    """Say how patches become vectors, for explanations."""
    return f"{merge} x {merge} patches merge into one" if merge > 1 else "one vector per patch"


LAYOUTS: Registry[type[TokenLayout]] = Registry("layout", "vlcalc.tiling.layouts")

LayoutField = Annotated[TokenLayout, ByKind(LAYOUTS)]
