"""Discrete tokens: the nearest code of each feature, embedded like a word.

Source: Chameleon, arXiv:2405.09818, section 2.1; Emu3, arXiv:2409.18869, section 2; VQ-VAE,
arXiv:1711.00937, section 3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import visual_tokens

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("discrete_tokens")
class DiscreteTokens(Fusion):
    """The codebook of the image tokeniser and an embedding of each code at text width.

    `vision_width` is the width of a code; the convolutional encoder before the codebook is the
    vision encoder, and no part of this. The embedding is a part of the language model's vocabulary.

    Attributes:
        num_codes: rows of the codebook.
        quantize: whether features come in and are quantised; False where ids of codes come in.
        own_embedding: whether the codes have an embedding here; False where they are words of the
            language model, which embeds them, so that what comes out are the ids of words.
    """

    module: ClassVar[str] = "early.DiscreteTokensModule"
    taxonomy: ClassVar[Taxonomy] = "early"
    token_effect: ClassVar[str] = "one code a position"
    spatial_detail: ClassVar[str] = "full grid, quantised"

    kind: Literal["discrete_tokens"]
    num_codes: PositiveInt = 8192
    quantize: bool = True
    own_embedding: bool = True

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * dims.num_visual_tokens

    def num_params(self, dims: Dims) -> int:
        widths = self.quantize * dims.vision_width + self.own_embedding * dims.text_width
        return self.num_codes * widths

    def num_flops(self, dims: Dims) -> int:
        features = dims.num_inputs * dims.num_visual_tokens
        return self.quantize * 2 * features * dims.vision_width * self.num_codes

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        import torch

        if self.quantize:
            return (visual_tokens(dims, device),)
        shape = (dims.num_inputs, dims.num_visual_tokens)
        return (torch.zeros(shape, dtype=torch.long, device=device),)
