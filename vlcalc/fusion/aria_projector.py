"""Aria projector: queries cross-attend once with doubled projections, then an MLP to text width.

Source: Aria, arXiv:2410.05993, section 2.2; transformers models/aria/modeling_aria.py
(AriaCrossAttention, AriaProjector).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from vlcalc.core.bounds import NonNegativeInt, PositiveInt
from vlcalc.core.division import divide
from vlcalc.fusion.arithmetic import linear_flops, linear_params, mlp_flops, mlp_params, norm_params
from vlcalc.fusion.attention import plain_attention
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.resampler import Resampler


@FUSIONS.register("aria_projector")
class AriaProjector(Resampler):
    """Attention at vision width behind norms, one more linear layer, a norm and an MLP.

    Queries, keys and values pass a matrix without bias before those of the attention itself.

    Attributes:
        num_queries: learned queries.
        used_queries: queries that read an image, the first ones; 0 for all of them.
        num_heads: attention heads.
    """

    module: ClassVar[str] = "resampler.AriaProjectorModule"
    token_effect: ClassVar[str] = "resampled to the queries"

    kind: Literal["aria_projector"]
    num_queries: PositiveInt = 256
    used_queries: NonNegativeInt = 0
    num_heads: PositiveInt = 16

    @model_validator(mode="after")
    def _check_used(self) -> AriaProjector:
        if self.used_queries > self.num_queries:
            message = "expected `used_queries` of at most `num_queries` ({all}), got {used}"
            context = {"all": self.num_queries, "used": self.used_queries}
            raise PydanticCustomError("used_queries", message, context)
        return self

    def check(self, dims: Dims) -> None:
        divide(dims.vision_width, self.num_heads, whole_name="vision_width", part_name="num_heads")

    @property
    def _used(self) -> int:
        return self.used_queries or self.num_queries

    def num_vectors(self, dims: Dims) -> int:
        return dims.num_views * self._used

    def num_params(self, dims: Dims) -> int:
        vision, text = dims.vision_width, dims.text_width
        attention = plain_attention(vision).num_params + linear_params(vision, vision)
        return (
            self.num_queries * vision
            + 3 * linear_params(vision, vision, bias=False)
            + attention
            + 3 * norm_params(vision)
            + mlp_params([vision, text, text], bias=False)
        )

    def num_flops(self, dims: Dims) -> int:
        vision, text, batch = dims.vision_width, dims.text_width, dims.num_inputs
        queries, visual = self._used, self.num_keys(dims)
        return (
            linear_flops(2 * batch * (queries + visual), vision, vision)
            + plain_attention(vision).num_flops(batch, queries, visual)
            + mlp_flops(batch * queries, [vision, text, text])
        )
