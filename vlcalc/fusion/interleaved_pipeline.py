"""Interleaved pipeline: image tokens take the places of the placeholders in the text.

Source: haotian-liu/LLaVA llava/model/llava_arch.py; transformers models/llava/modeling_llava.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import Depth
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import visual_tokens

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("interleaved_pipeline")
class InterleavedPipeline(Fusion):
    """Project the images, embed the text, put the image tokens where their placeholders stand.

    The text comes with a placeholder for each image token; the example has them all in front.

    Attributes:
        depth: linear layers of the projector, GELU between them.
        image_token_id: id of a placeholder; it may lie outside the vocabulary.
    """

    taxonomy: ClassVar[Taxonomy] = "mid"
    token_effect: ClassVar[str] = "kept, among the text"
    spatial_detail: ClassVar[str] = "full grid"

    kind: Literal["interleaved_pipeline"]
    depth: Depth = 2
    image_token_id: int = 32_000

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
        from vlcalc.modules.projection import MLPProjector

        with torch.device(device):
            projector = MLPProjector(
                vision_width=dims.vision_width, text_width=dims.text_width, depth=self.depth
            )
            return pipeline.InterleavedPipeline(
                projector=projector,
                vocab_size=dims.vocab_size,
                text_width=dims.text_width,
                image_token_id=self.image_token_id,
            )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        import torch

        num_image_tokens = self.num_image_tokens(dims)
        shape = (dims.batch_size, num_image_tokens + dims.num_text_tokens)
        word = 0 if self.image_token_id else 1
        ids = torch.full(shape, word, dtype=torch.long, device=device)
        ids[:, :num_image_tokens] = self.image_token_id
        return visual_tokens(dims, device), ids
