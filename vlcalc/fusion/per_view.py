"""What the methods have in common that turn each encoder input into image tokens on its own."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.base import Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import visual_tokens
from vlcalc.fusion.grids import num_windows

if TYPE_CHECKING:
    from torch import Tensor


class PerView(Fusion):
    """A method whose module maps (inputs, n, d) to (inputs, tokens per view, t)."""

    taxonomy: ClassVar[Taxonomy] = "mid"

    @abstractmethod
    def tokens_per_view(self, dims: Dims) -> int:
        """Return the image tokens that one encoder input becomes.

        Raises:
            InputError: the grid does not go with the fields; both numbers are named.
        """

    def check(self, dims: Dims) -> None:
        self.tokens_per_view(dims)

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * self.tokens_per_view(dims)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return (visual_tokens(dims, device),)


class MergedSquares(PerView):
    """A method that joins each square of neighbours into one token.

    Attributes:
        merge_size: side of the square of visual tokens that becomes one.
    """

    token_effect: ClassVar[str] = "joined in squares of `merge_size` x `merge_size`"
    spatial_detail: ClassVar[str] = "coarser grid; the square is kept in the channels"

    merge_size: PositiveInt = 2

    def tokens_per_view(self, dims: Dims) -> int:
        return num_windows(dims, self.merge_size, side_name="merge_size")

    def merged_width(self, dims: Dims) -> int:
        """Return the width of a square's tokens, one after the other."""
        return self.merge_size**2 * dims.vision_width
