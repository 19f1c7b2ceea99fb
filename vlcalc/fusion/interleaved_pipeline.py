"""Interleaved pipeline: image tokens take the places of the placeholders in the text.

Source: haotian-liu/LLaVA llava/model/llava_arch.py; transformers models/llava/modeling_llava.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import Depth, TokenId
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.examples import visual_tokens
from vlcalc.fusion.mlp import MLP
from vlcalc.fusion.pipeline import TextPipeline

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("interleaved_pipeline")
class InterleavedPipeline(TextPipeline):
    """Project the images, embed the text, put the image tokens where their placeholders stand.

    The text comes with a placeholder for each image token; the example has them all in front.

    Attributes:
        depth: linear layers of the projector, GELU between them.
        image_token_id: id of a placeholder; it may lie outside the vocabulary.
    """

    module: ClassVar[str] = "pipeline.PlaceholderPipeline"
    outside_module: ClassVar[frozenset[str]] = frozenset({"keep_prefix", "depth"})
    token_effect: ClassVar[str] = "kept, among the text"

    kind: Literal["interleaved_pipeline"]
    depth: Depth = 2
    image_token_id: TokenId = 32_000

    @property
    def projector(self) -> MLP:
        return MLP(kind="mlp", depth=self.depth, keep_prefix=self.keep_prefix)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        import torch

        num_image_tokens = self.num_image_tokens(dims)
        shape = (dims.batch_size, num_image_tokens + dims.num_text_tokens)
        word = 0 if self.image_token_id else 1
        ids = torch.full(shape, word, dtype=torch.long, device=device)
        ids[:, :num_image_tokens] = self.image_token_id
        return visual_tokens(dims, device, prefix=self.keep_prefix), ids
