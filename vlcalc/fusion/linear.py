"""Linear projection: every visual token becomes one image token.

Source: LLaVA, arXiv:2304.08485, section 4.1; PaliGemma, arXiv:2407.07726, section 3.1; of two
encoders in DeepSeek-OCR, arXiv:2510.18234, section 3.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import visual_tokens
from vlcalc.fusion.resampler import num_keys

if TYPE_CHECKING:
    from torch import Tensor, nn


@FUSIONS.register("linear")
class Linear(Fusion):
    """One linear layer from vision width to text width.

    Attributes:
        extra_vision_widths: widths of the encoders beside the one of the dims, whose features are
            joined to its own channel-wise; all give the same grid.
        bias: whether the layer has a bias.
        keep_prefix: whether class and register tokens become image tokens too, as in GIT.
    """

    taxonomy: ClassVar[Taxonomy] = "mid"
    token_effect: ClassVar[str] = "kept"
    spatial_detail: ClassVar[str] = "full grid"

    kind: Literal["linear"]
    extra_vision_widths: tuple[PositiveInt, ...] = ()
    bias: bool = True
    keep_prefix: bool = False

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * num_keys(dims, keep_prefix=self.keep_prefix)

    def num_params(self, dims: Dims) -> int:
        return linear_params(sum(self._vision_widths(dims)), dims.text_width, bias=self.bias)

    def num_flops(self, dims: Dims) -> int:
        rows = dims.num_inputs * num_keys(dims, keep_prefix=self.keep_prefix)
        return linear_flops(rows, sum(self._vision_widths(dims)), dims.text_width)

    def _vision_widths(self, dims: Dims) -> tuple[int, ...]:
        return (dims.vision_width, *self.extra_vision_widths)

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules.projection import LinearProjector

        with torch.device(device):
            return LinearProjector(
                vision_width=sum(self._vision_widths(dims)),
                text_width=dims.text_width,
                bias=self.bias,
            )

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        widths = self._vision_widths(dims)
        return tuple(
            visual_tokens(dims._replace(vision_width=width), device, prefix=self.keep_prefix)
            for width in widths
        )
