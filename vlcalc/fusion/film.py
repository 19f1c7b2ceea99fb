"""FiLM, feature-wise linear modulation: the text scales and shifts the image's channels.

Source: arXiv:1709.07871, section 2.1; ethanjperez/film vr/models/film_gen.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("film")
class Film(Fusion):
    """A linear layer from one text vector to a scale and a shift of each channel of each block.

    It modulates feature maps of `columns` x `rows` with `vision_width` channels inside the vision
    network, each view with its text on its own; the network around it and the encoder of the text
    are no part of it. Nothing enters the sequence of a language model.

    Attributes:
        num_blocks: blocks of the vision network that are modulated.
    """

    module: ClassVar[str] = "feature_fusion.FiLM"
    taxonomy: ClassVar[Taxonomy] = "early"
    token_effect: ClassVar[str] = "scaled and shifted"
    spatial_detail: ClassVar[str] = "full grid"

    kind: Literal["film"]
    num_blocks: PositiveInt = 4

    def num_image_tokens(self, dims: Dims) -> int:
        return 0

    def num_params(self, dims: Dims) -> int:
        return linear_params(dims.text_width, 2 * self.num_blocks * dims.vision_width)

    def num_flops(self, dims: Dims) -> int:
        generated = 2 * self.num_blocks * dims.vision_width
        return linear_flops(dims.num_inputs, dims.text_width, generated)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        import torch

        text = torch.randn(dims.num_inputs, dims.text_width, device=device)
        shape = (dims.num_inputs, dims.vision_width, dims.rows, dims.columns)
        return (text, *(torch.randn(shape, device=device) for _ in range(self.num_blocks)))
