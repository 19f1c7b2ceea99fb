"""Visual embedding table: a visual token is a mixture of learned embeddings, as in Ovis.

Source: Ovis, arXiv:2405.20797, section 3.2.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import NonNegativeInt, PositiveInt
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import linear_flops, linear_params, norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.grids import grid_side
from vlcalc.fusion.per_view import PerView


@FUSIONS.register("visual_embedding_table")
class VisualEmbeddingTable(PerView):
    """A head over a visual vocabulary, softmax, and the expected row of an embedding table.

    Attributes:
        num_codes: rows of the table.
        num_indicators: rows that no patch is mapped to: start and end of an image and the like.
        merge_size: side of the square of patches that becomes one token; the grid is filled up
            with zeros to whole squares.
    """

    module: ClassVar[str] = "visual_embedding_table.VisualEmbeddingTableModule"
    token_effect: ClassVar[str] = "joined in squares, then looked up softly in a table"
    spatial_detail: ClassVar[str] = "coarser grid, as far as the vocabulary can tell it"

    kind: Literal["visual_embedding_table"]
    num_codes: PositiveInt = 65_536
    num_indicators: NonNegativeInt = 4
    merge_size: PositiveInt = 2

    def check(self, dims: Dims) -> None:
        grid_side(dims)
        if self.num_indicators >= self.num_codes:
            raise InputError(
                expected=f"`num_indicators` below `num_codes` ({self.num_codes})",
                got=str(self.num_indicators),
            )

    def tokens_per_view(self, dims: Dims) -> int:
        return (-(-grid_side(dims) // self.merge_size)) ** 2

    def num_params(self, dims: Dims) -> int:
        head = linear_params(self._joined_width(dims), self._num_words(), bias=False)
        return head + norm_params(self._num_words()) + self.num_codes * dims.text_width

    def num_flops(self, dims: Dims) -> int:
        rows = dims.num_inputs * self.tokens_per_view(dims)
        head = linear_flops(rows, self._joined_width(dims), self._num_words())
        return head + linear_flops(rows, self.num_codes, dims.text_width)

    def _joined_width(self, dims: Dims) -> int:
        return self.merge_size**2 * dims.vision_width

    def _num_words(self) -> int:
        return self.num_codes - self.num_indicators
