"""Raw patches: a linear layer on pixels, no vision encoder at all.

Source: Fuyu, https://www.adept.ai/blog/fuyu-8b; transformers models/fuyu/modeling_fuyu.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("raw_patch")
class RawPatch(Fusion):
    """The pixels of a patch, flattened and mapped to text width.

    `columns` x `rows` of the dims are patches; `vision_width` is not read, as there is no encoder.

    Attributes:
        patch_size: side of a patch in pixels.
        num_channels: values of a pixel.
        newline: whether a vector learned here ends each row. Fuyu's line end is a word of the
            language model instead: an extra token, which is counted with the tiling.
    """

    module: ClassVar[str] = "early.RawPatchProjector"
    taxonomy: ClassVar[Taxonomy] = "early"
    token_effect: ClassVar[str] = "one a patch"
    spatial_detail: ClassVar[str] = "full grid"

    kind: Literal["raw_patch"]
    patch_size: PositiveInt = 30
    num_channels: PositiveInt = 3
    newline: bool = False

    def num_image_tokens(self, dims: Dims) -> int:
        return dims.num_views * dims.rows * (dims.columns + self.newline)

    def num_params(self, dims: Dims) -> int:
        newline = self.newline * dims.text_width
        return linear_params(self._patch_width, dims.text_width) + newline

    def num_flops(self, dims: Dims) -> int:
        patches = dims.num_inputs * dims.num_visual_tokens
        return linear_flops(patches, self._patch_width, dims.text_width)

    @property
    def _patch_width(self) -> int:
        return self.num_channels * self.patch_size**2

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        import torch

        height, width = dims.rows * self.patch_size, dims.columns * self.patch_size
        return (torch.randn(dims.num_inputs, self.num_channels, height, width, device=device),)
