"""LLaVA's pipeline: project the image, embed the text, image first.

Source: LLaVA, arXiv:2304.08485, section 4.1 and figure 1; LLaVA-1.5, arXiv:2310.03744, section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import Depth
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import joined_views, text_ids

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("llava_pipeline")
class LlavaPipeline(Fusion):
    """From visual tokens and token ids to the language model's input, word embedding included.

    Attributes:
        depth: linear layers of the projector, GELU between them: 1 is LLaVA, 2 is LLaVA-1.5.
    """

    taxonomy: ClassVar[Taxonomy] = "mid"
    token_effect: ClassVar[str] = "kept, before the text"
    spatial_detail: ClassVar[str] = "full grid"

    kind: Literal["llava_pipeline"]
    depth: Depth = 2

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * dims.num_visual_tokens

    def num_params(self, dims: Dims) -> int:
        words = dims.vocab_size * dims.text_width
        return words + mlp_params([dims.vision_width, *[dims.text_width] * self.depth])

    def num_flops(self, dims: Dims) -> int:
        tokens = dims.batch_size * self.num_image_tokens(dims)
        return mlp_flops(tokens, [dims.vision_width, *[dims.text_width] * self.depth])

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules import pipeline

        with torch.device(device):
            return pipeline.LlavaPipeline(
                vision_width=dims.vision_width,
                text_width=dims.text_width,
                vocab_size=dims.vocab_size,
                depth=self.depth,
            )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return joined_views(dims, device), text_ids(dims, device)
