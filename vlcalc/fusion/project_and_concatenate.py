"""Project and concatenate: image tokens, joined and projected, before text embedded already.

Source: LLaVA, arXiv:2304.08485, section 4.1; the token grouping of MiniGPT-v2, arXiv:2310.09478,
section 2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveInt
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation
from vlcalc.fusion.examples import joined_views, text_states
from vlcalc.fusion.grouped import Grouped
from vlcalc.fusion.pipeline import TextPipeline

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("project_and_concatenate")
class ProjectAndConcatenate(TextPipeline):
    """An MLP over groups of neighbours, then the text's embeddings: the language model's input.

    Attributes:
        compress_ratio: neighbouring visual tokens that become one image token.
        depth: linear layers of the MLP.
        activation: what stands between them.
    """

    module: ClassVar[str] = "pipeline.ProjectAndConcatenateModule"
    outside_module: ClassVar[frozenset[str]] = frozenset(
        {"keep_prefix", "compress_ratio", "depth", "activation"}
    )
    embeds_text: ClassVar[bool] = False
    token_effect: ClassVar[str] = "kept or grouped, before the text"
    spatial_detail: ClassVar[str] = "full grid, by groups of neighbours"

    kind: Literal["project_and_concatenate"]
    compress_ratio: PositiveInt = 1
    depth: Depth = 2
    activation: Activation = "gelu"

    @property
    def projector(self) -> Grouped:
        return Grouped(
            kind="grouped",
            keep_prefix=self.keep_prefix,
            compress_ratio=self.compress_ratio,
            depth=self.depth,
            activation=self.activation,
        )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return joined_views(dims, device, prefix=self.keep_prefix), text_states(dims, device)
