"""Linear projection: every visual token becomes one image token.

Source: LLaVA, arXiv:2304.08485, section 4.1; PaliGemma, arXiv:2407.07726, section 3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import visual_tokens

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("linear")
class Linear(Fusion):
    """One linear layer from vision width to text width.

    Attributes:
        bias: whether the layer has a bias.
    """

    taxonomy: ClassVar[Taxonomy] = "mid"
    token_effect: ClassVar[str] = "kept"
    spatial_detail: ClassVar[str] = "full grid"

    kind: Literal["linear"]
    bias: bool = True

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * dims.num_visual_tokens

    def num_params(self, dims: Dims) -> int:
        return linear_params(dims.vision_width, dims.text_width, bias=self.bias)

    def num_flops(self, dims: Dims) -> int:
        rows = dims.num_inputs * dims.num_visual_tokens
        return linear_flops(rows, dims.vision_width, dims.text_width)

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules.projection import LinearProjector

        with torch.device(device):
            return LinearProjector(
                vision_width=dims.vision_width, text_width=dims.text_width, bias=self.bias
            )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return (visual_tokens(dims, device),)
