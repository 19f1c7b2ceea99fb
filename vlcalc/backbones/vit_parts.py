"""Parts that only some vision transformers have: windows, a neck of convolutions, tiles.

FLOPs are 2 per multiply-accumulate. Source: windows with and without padding from SAM,
arXiv:2304.02643, appendix A, and Qwen2.5-VL, arXiv:2502.13923, section 2.1; the neck from SAM; its
strided convolutions from DeepSeek-OCR, arXiv:2510.18234, section 3.2; tiles from transformers
models/mllama/modeling_mllama.py::MllamaVisionModel.
"""

from __future__ import annotations

from itertools import pairwise

from vlcalc.core.bounds import Depth, NonNegativeInt, PositiveInt
from vlcalc.tiling.base import Frozen


class Window(Frozen):
    """Attention within squares of patches, in all layers but a few.

    Attributes:
        size: side of a window in patches.
        full_layers: indices, from 0, of the layers that attend to the whole grid.
        padded: whether the grid is filled up to whole windows (SAM); otherwise the windows at the
            right and lower edge are smaller (Qwen2.5-VL).
    """

    size: PositiveInt
    full_layers: tuple[NonNegativeInt, ...] = ()
    padded: bool = False

    def sides(self, length: int) -> list[int]:
        """Return the sides of the windows along `length` patches."""
        whole, rest = divmod(length, self.size)
        if not rest:
            return [self.size] * whole
        return [self.size] * whole + [self.size if self.padded else rest]

    def num_positions(self, columns: int, rows: int) -> int:
        """Return the positions of all windows, padding included."""
        return sum(self.sides(columns)) * sum(self.sides(rows))

    def num_pairs(self, columns: int, rows: int) -> int:
        """Return the pairs of a query and a key that meet in a window."""
        return sum(c * c for c in self.sides(columns)) * sum(r * r for r in self.sides(rows))

    def num_offsets(self, columns: int, rows: int) -> int:
        """Return the pairs of a query and a row or a column of its window."""
        widths, heights = self.sides(columns), self.sides(rows)
        return sum(c * c for c in widths) * sum(heights) + sum(widths) * sum(r * r for r in heights)


class Neck(Frozen):
    """Convolutions behind the last layer: 1x1, 3x3, then 3x3 with stride 2; none has a bias.

    Attributes:
        width: width behind the first two; each of them is followed by a LayerNorm.
        downsample_widths: widths behind the strided ones.
    """

    width: PositiveInt
    downsample_widths: tuple[PositiveInt, ...] = ()

    @property
    def output_width(self) -> int:
        """Width of what leaves the neck."""
        return (self.width, *self.downsample_widths)[-1]

    @property
    def stride(self) -> int:
        """Patches along a side that one output stands for."""
        return int(2 ** len(self.downsample_widths))

    def num_params(self, vision_width: int) -> int:
        """Return the parameters behind layers of `vision_width`."""
        params = vision_width * self.width + 9 * self.width**2 + 4 * self.width
        return params + sum(9 * a * b for a, b in pairwise((self.width, *self.downsample_widths)))

    def num_flops(self, vision_width: int, columns: int, rows: int) -> int:
        """Return the FLOPs on one grid of patches."""
        macs = columns * rows * (vision_width * self.width + 9 * self.width**2)
        for before, after in pairwise((self.width, *self.downsample_widths)):
            columns, rows = -(-columns // 2), -(-rows // 2)
            macs += 9 * columns * rows * before * after
        return 2 * macs


class Tiles(Frozen):
    """All tiles of an image in one sequence, and gated layers behind the others.

    Attributes:
        max_tiles: tiles of an image; missing ones are filled with zeros and run all the same.
        num_aspect_ratios: arrangements of tiles; each has embeddings of its own, and so has none.
        global_depth: layers behind the last norm, each with a gate on both of its halves.
        token_multiple: the tokens of a tile are filled up to a multiple of this.
    """

    max_tiles: PositiveInt
    num_aspect_ratios: PositiveInt
    global_depth: Depth
    token_multiple: PositiveInt = 8

    def sequence_length(self, num_tokens: int) -> int:
        """Return the positions of an image whose tiles have `num_tokens` each."""
        return self.max_tiles * (num_tokens + -num_tokens % self.token_multiple)

    def num_params(self, num_positions: int, width: int) -> int:
        """Return the parameters of the tile embeddings, with the gates of all three.

        Args:
            num_positions: rows of the position table; every tile of every arrangement has one.
            width: width of the layers.
        """
        rows_per_tile = num_positions + 2  # and one before and one behind the local layers
        tables = (self.num_aspect_ratios + 1) * self.max_tiles * rows_per_tile * width
        return tables + 3
