"""Project and concatenate: image tokens, joined and projected, before text embedded already.

Source: LLaVA, arXiv:2304.08485, section 4.1; the token grouping of MiniGPT-v2, arXiv:2310.09478,
section 2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from vlcalc.core.bounds import Depth
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy, divide
from vlcalc.fusion.examples import joined_views, text_states

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("project_and_concatenate")
class ProjectAndConcatenate(Fusion):
    """An MLP over groups of neighbours, then the text's embeddings: the language model's input.

    Attributes:
        compress_ratio: neighbouring visual tokens that become one image token.
        depth: linear layers of the MLP.
        activation: what stands between them.
    """

    taxonomy: ClassVar[Taxonomy] = "mid"
    token_effect: ClassVar[str] = "kept or grouped, before the text"
    spatial_detail: ClassVar[str] = "full grid, by groups of neighbours"

    kind: Literal["project_and_concatenate"]
    compress_ratio: PositiveInt = 1
    depth: Depth = 2
    activation: Literal["gelu", "gelu_tanh", "relu", "silu", "squared_relu", "tanh"] = "gelu"

    def check(self, dims: Dims) -> None:
        divide(
            dims.num_visual_tokens,
            self.compress_ratio,
            whole_name="visual tokens",
            part_name="compress_ratio",
        )

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * (dims.num_visual_tokens // self.compress_ratio)

    def num_params(self, dims: Dims) -> int:
        return mlp_params(self._mlp_widths(dims))

    def num_flops(self, dims: Dims) -> int:
        tokens = dims.batch_size * self.num_image_tokens(dims)
        return mlp_flops(tokens, self._mlp_widths(dims))

    def _mlp_widths(self, dims: Dims) -> list[int]:
        return [dims.vision_width * self.compress_ratio, *[dims.text_width] * self.depth]

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules import pipeline
        from vlcalc.modules.projection import GroupedProjector

        with torch.device(device):
            projector = GroupedProjector(
                vision_width=dims.vision_width,
                text_width=dims.text_width,
                compress_ratio=self.compress_ratio,
                depth=self.depth,
                activation=self.activation,
            )
            return pipeline.ProjectAndConcatenate(projector=projector)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return joined_views(dims, device), text_states(dims, device)
