"""Region features: vectors of detected regions become tokens of the transformer's input.

Source: VisualBERT, arXiv:1908.03557, section 3.2; transformers
models/visual_bert/modeling_visual_bert.py::VisualBertEmbeddings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from vlcalc.core.bounds import MAX_COUNT, PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import visual_tokens

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("region_features")
class RegionFeatures(Fusion):
    """A linear layer, plus embeddings of segment and position.

    `columns` x `rows` of the dims is the number of regions (a detector gives no grid: one row).

    Attributes:
        num_segments: rows of the segment embedding; regions are segment 1.
        max_positions: rows of the position embedding.
    """

    module: ClassVar[str] = "early.RegionProjector"
    taxonomy: ClassVar[Taxonomy] = "early"
    token_effect: ClassVar[str] = "one a region"
    spatial_detail: ClassVar[str] = "detected regions"

    kind: Literal["region_features"]
    num_segments: Annotated[int, Field(ge=2, le=MAX_COUNT)] = 2
    max_positions: PositiveInt = 512

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * dims.num_visual_tokens

    def num_params(self, dims: Dims) -> int:
        embeddings = (self.num_segments + self.max_positions) * dims.text_width
        return linear_params(dims.vision_width, dims.text_width) + embeddings

    def num_flops(self, dims: Dims) -> int:
        regions = dims.num_inputs * dims.num_visual_tokens
        return linear_flops(regions, dims.vision_width, dims.text_width)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return (visual_tokens(dims, device),)
