"""What is behind the last layer of some vision transformers.

Source: pooling by one learned query from SigLIP, arXiv:2303.15343 (google-research/big_vision
models/vit.py::MAPHead); convolutions from SAM, arXiv:2304.02643, appendix A, and from DeepSeek-OCR,
arXiv:2510.18234, section 3.2.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from vlcalc.modules.primitives import Attention, LearnedTokens
from vlcalc.modules.vit_layers import VisionActivation, build_vision_feed_forward
from vlcalc.modules.vit_windows import Grid


class AttentionPool(nn.Module):
    """Attend from one learned query to all tokens of any grid, then feed forward."""

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        hidden_width: int,
        activation: VisionActivation,
        eps: float,
    ) -> None:
        super().__init__()
        self.query = LearnedTokens(num_tokens=1, width=width)
        self.attention = Attention(width=width, num_heads=num_heads, bias=True)
        self.norm = nn.LayerNorm(width, eps=eps)
        self.feed_forward = build_vision_feed_forward(
            width=width, hidden_width=hidden_width, activation=activation, bias=True, gated=False
        )

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        pooled = self.attention(self.query(x.shape[0]), x)  # (b, 1, d)
        out: Tensor = pooled + self.feed_forward(self.norm(pooled))
        return out


class ChannelLayerNorm(nn.LayerNorm):
    """LayerNorm over the channels of (b, d, rows, columns)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ConvolutionNeck(nn.Module):
    """Narrow the grid's channels, then halve its sides once for each further width."""

    def __init__(self, *, vision_width: int, widths: list[int], eps: float) -> None:
        super().__init__()
        width = widths[0]
        self.narrow = nn.Conv2d(vision_width, width, 1, bias=False)
        self.narrow_norm = ChannelLayerNorm(width, eps=eps)
        self.mix = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.mix_norm = ChannelLayerNorm(width, eps=eps)
        self.downsample = nn.Sequential(
            *(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False) for a, b in pairwise(widths))
        )

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        x = x.transpose(1, 2).unflatten(2, grid)  # (b, d, r, c)
        x = self.mix_norm(self.mix(self.narrow_norm(self.narrow(x))))
        out: Tensor = self.downsample(x)
        return out.flatten(2).transpose(1, 2)  # (b, n, width)
