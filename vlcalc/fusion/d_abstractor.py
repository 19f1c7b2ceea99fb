"""D-Abstractor: learned queries that read the grid with deformable attention.

Source: Honeybee, arXiv:2312.06742, section 3.2; Deformable DETR, arXiv:2010.04159, section 4.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.core.division import divide
from vlcalc.fusion.arithmetic import (
    attention_flops,
    linear_flops,
    linear_params,
    mlp_flops,
    mlp_params,
    norm_params,
)
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.grids import check_square, grid_side
from vlcalc.fusion.per_view import PerView


@FUSIONS.register("d_abstractor")
class DAbstractor(PerView):
    """Decoder layers of Deformable DETR over queries that start from the pooled features.

    Attributes:
        num_queries: image tokens of an encoder input, a square.
        hidden_width: width of the layers; a linear layer comes first where the encoder's differs.
        depth: decoder layers.
        num_points: points of the grid that a query reads, per head.
        feed_forward_width: hidden width of the feed-forward.
    """

    module: ClassVar[str] = "abstractor.DAbstractorModule"
    token_effect: ClassVar[str] = "abstracted to `num_queries`"
    spatial_detail: ClassVar[str] = "coarser grid, locality kept by reference points"

    kind: Literal["d_abstractor"]
    num_queries: PositiveInt = 144
    hidden_width: PositiveInt = 1024
    depth: Depth = 6
    num_heads: PositiveInt = 8
    num_points: PositiveInt = 4
    feed_forward_width: PositiveInt = 1024

    def check(self, dims: Dims) -> None:
        grid_side(dims)
        check_square(self.num_queries, name="num_queries")
        divide(self.hidden_width, self.num_heads, whole_name="hidden_width", part_name="num_heads")

    def tokens_per_view(self, dims: Dims) -> int:
        return self.num_queries

    def num_params(self, dims: Dims) -> int:
        width, queries = self.hidden_width, self.num_queries
        project_in = 0 if self._same_width(dims) else linear_params(dims.vision_width, width)
        positions = (dims.num_visual_tokens + queries) * width
        reference_points = 2 * queries
        project_out = linear_params(width, dims.text_width)
        layers = self.depth * self._layer_params()
        return project_in + positions + reference_points + layers + project_out

    def num_flops(self, dims: Dims) -> int:
        inputs, width = dims.num_inputs, self.hidden_width
        features, queries = inputs * dims.num_visual_tokens, inputs * self.num_queries
        project_in = (
            0 if self._same_width(dims) else linear_flops(features, dims.vision_width, width)
        )
        layers = self.depth * self._layer_flops(inputs, features)
        return project_in + layers + linear_flops(queries, width, dims.text_width)

    def _same_width(self, dims: Dims) -> bool:
        return dims.vision_width == self.hidden_width

    def _layer_params(self) -> int:
        width = self.hidden_width
        attention = 4 * linear_params(width, width)
        deformable = 2 * linear_params(width, width) + linear_params(width, self._sampling_width())
        return attention + deformable + mlp_params(self._ff_widths()) + 3 * norm_params(width)

    def _layer_flops(self, inputs: int, features: int) -> int:
        """Return one layer's FLOPs; sampling at the points is interpolation, not a contraction."""
        width, queries = self.hidden_width, inputs * self.num_queries
        attention = 4 * linear_flops(queries, width, width)
        attention += attention_flops(inputs, self.num_queries, self.num_queries, width)
        values = linear_flops(features, width, width)
        output = linear_flops(queries, width, width)
        sampling = linear_flops(queries, width, self._sampling_width())
        return attention + values + output + sampling + mlp_flops(queries, self._ff_widths())

    def _sampling_width(self) -> int:
        """Return the outputs per query that say where to read (x, y) and with what weight."""
        return 3 * self.num_heads * self.num_points

    def _ff_widths(self) -> list[int]:
        return [self.hidden_width, self.feed_forward_width, self.hidden_width]
