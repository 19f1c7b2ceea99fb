"""MobileVLM's lightweight downsample projectors: map every token, then keep a quarter of them."""

from __future__ import annotations

from torch import Tensor, nn

from vlcalc.modules.convolutions import MobileBlock
from vlcalc.modules.grids import square_side, to_grid, to_tokens
from vlcalc.modules.primitives import build_mlp


class LDPProjector(nn.Module):
    """Two linear layers, then two MobileNetV3 blocks, the second of stride 2.

    Source: MobileVLM, arXiv:2312.16886, section 3.4; Meituan-AutoML/MobileVLM
    mobilevlm/model/vision_projector.py::LDPNetProjector.
    """

    def __init__(self, *, vision_width: int, text_width: int) -> None:
        super().__init__()
        self.project = build_mlp([vision_width, text_width, text_width])
        self.blocks = nn.Sequential(
            MobileBlock(channels=text_width), MobileBlock(channels=text_width, stride=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        side = square_side(x.shape[1], name="visual tokens")
        grid = to_grid(self.project(x), side, side)  # (b, t, side, side)
        return to_tokens(self.blocks(grid))  # (b, ceil(side / 2)^2, t)


class LDPv2Projector(nn.Module):
    """Two linear layers, average pooling, a depthwise 3x3 convolution that encodes positions.

    Source: MobileVLM V2, arXiv:2402.03766, section 3.3; Meituan-AutoML/MobileVLM
    mobilevlm/model/vision_projector.py::LDPNetV2Projector.
    """

    def __init__(self, *, vision_width: int, text_width: int, pooled_side: int) -> None:
        super().__init__()
        self.project = build_mlp([vision_width, text_width, text_width])
        self.pool = nn.AdaptiveAvgPool2d(pooled_side)
        self.positions = nn.Conv2d(text_width, text_width, 3, padding=1, groups=text_width)

    def forward(self, x: Tensor) -> Tensor:
        side = square_side(x.shape[1], name="visual tokens")
        grid = self.pool(to_grid(self.project(x), side, side))  # (b, t, pooled, pooled)
        return to_tokens(grid + self.positions(grid))  # (b, pooled^2, t)
