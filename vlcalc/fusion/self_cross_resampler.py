"""Self- and cross-attention resampler: queries attend to themselves, then to the visual tokens.

Source: blasphemetheus/edifice lib/edifice/multimodal/fusion.ex (its Perceiver Resampler).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.core.division import divide
from vlcalc.fusion.arithmetic import linear_flops, linear_params, mlp_flops, mlp_params, norm_params
from vlcalc.fusion.attention import plain_attention
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.resampler import Resampler


@FUSIONS.register("self_cross_resampler")
class SelfCrossResampler(Resampler):
    """Projection to text width where the widths differ, then layers at text width.

    Attributes:
        output_projection: whether attention has an output projection.
        feed_forward: whether a feed-forward of four times the width follows in each layer.
    """

    module: ClassVar[str] = "resampler.SelfCrossResamplerModule"
    token_effect: ClassVar[str] = "resampled to the queries"

    kind: Literal["self_cross_resampler"]
    num_queries: PositiveInt = 64
    depth: Depth = 6
    num_heads: PositiveInt = 4
    output_projection: bool = False
    feed_forward: bool = False

    def check(self, dims: Dims) -> None:
        divide(dims.text_width, self.num_heads, whole_name="text_width", part_name="num_heads")

    def num_vectors(self, dims: Dims) -> int:
        return dims.num_views * self.num_queries

    def num_params(self, dims: Dims) -> int:
        text = dims.text_width
        attention = plain_attention(text, output_projection=self.output_projection).num_params
        feed_forward = norm_params(text) + mlp_params([text, 4 * text, text])
        layer = 2 * (attention + norm_params(text)) + self.feed_forward * feed_forward
        projection = _projects(dims) * linear_params(dims.vision_width, text)
        return projection + self.num_queries * text + self.depth * layer

    def num_flops(self, dims: Dims) -> int:
        text, batch, queries = dims.text_width, dims.num_inputs, self.num_queries
        visual = self.num_keys(dims)
        attention = plain_attention(text, output_projection=self.output_projection)
        layer = (
            attention.num_flops(batch, queries, queries)
            + attention.num_flops(batch, queries, visual)
            + self.feed_forward * mlp_flops(batch * queries, [text, 4 * text, text])
        )
        projection = _projects(dims) * linear_flops(batch * visual, dims.vision_width, text)
        return projection + self.depth * layer


def _projects(dims: Dims) -> bool:
    """Tell whether there is a projection: equal widths need none."""
    return dims.vision_width != dims.text_width
