"""Convolution blocks that the C-Abstractor and the lightweight projectors are made of."""

from __future__ import annotations

from torch import Tensor, nn

from vlcalc.modules.primitives import Activation, apply_if, build_activation


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of (b, c, rows, columns), at every position on its own."""

    def __init__(self, *, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x.permute(0, 2, 3, 1))  # (b, rows, columns, c)
        return normed.permute(0, 3, 1, 2)


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate computed from the mean of all channels.

    Source: Hu et al., arXiv:1709.01507, section 3.
    """

    def __init__(
        self, *, channels: int, squeezed_channels: int, activation: Activation, hard: bool = False
    ) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed_channels, 1)
        self.activation = build_activation(activation)
        self.excite = nn.Conv2d(squeezed_channels, channels, 1)
        self.gate = nn.Hardsigmoid() if hard else nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3), keepdim=True)  # (b, c, 1, 1)
        gate: Tensor = self.gate(self.excite(self.activation(self.squeeze(mean))))  # (b, c, 1, 1)
        return x * gate


class RegNetBlock(nn.Module):
    """A residual bottleneck with a depthwise 3x3 convolution and squeeze-excite, all at one width.

    Source: RegNet, arXiv:2003.13678, section 4; rwightman/pytorch-image-models
    timm/models/regnet.py::Bottleneck with its defaults (group size 1, squeeze ratio 1/4).
    """

    def __init__(self, *, in_channels: int, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.reduce_norm = ChannelNorm(channels=channels)
        self.spatial = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.spatial_norm = ChannelNorm(channels=channels)
        self.squeeze_excite = SqueezeExcite(
            channels=channels, squeezed_channels=round(in_channels / 4), activation="silu"
        )
        self.expand = nn.Conv2d(channels, channels, 1, bias=False)
        self.expand_norm = ChannelNorm(channels=channels)
        self.shortcut = self._build_shortcut(in_channels, channels)
        self.activation = nn.SiLU()

    @staticmethod
    def _build_shortcut(in_channels: int, channels: int) -> nn.Module | None:
        if in_channels == channels:
            return None
        project = nn.Conv2d(in_channels, channels, 1, bias=False)
        return nn.Sequential(project, ChannelNorm(channels=channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.reduce_norm(self.reduce(x)))  # (b, c, rows, columns)
        y = self.activation(self.spatial_norm(self.spatial(y)))
        y = self.expand_norm(self.expand(self.squeeze_excite(y)))
        return self.activation(y + apply_if(self.shortcut, x))


class MobileBlock(nn.Module):
    """A MobileNetV3 block that keeps its width: depthwise 3x3, squeeze-excite, 1x1.

    Source: MobileNetV3, arXiv:1905.02244, section 3; pytorch/vision
    torchvision/models/mobilenetv3.py::InvertedResidual with an expansion of 1.
    """

    def __init__(self, *, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = stride == 1
        self.spatial = nn.Conv2d(
            channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False
        )
        self.spatial_norm = ChannelNorm(channels=channels, eps=1e-5)
        self.activation = nn.Hardswish()
        self.squeeze_excite = SqueezeExcite(
            channels=channels,
            squeezed_channels=_round_to_eight(channels / 4),
            activation="relu",
            hard=True,
        )
        self.project = nn.Conv2d(channels, channels, 1, bias=False)
        self.project_norm = ChannelNorm(channels=channels, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.spatial_norm(self.spatial(x)))  # (b, c, rows / stride, ...)
        out: Tensor = self.project_norm(self.project(self.squeeze_excite(y)))
        return x + out if self.residual else out


def _round_to_eight(channels: float) -> int:
    """Round to a multiple of 8, never down by more than a tenth (torchvision ops/_utils.py)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
