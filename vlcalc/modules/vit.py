"""A vision transformer: patches, positions, layers, and what is behind them.

Source: Dosovitskiy et al., arXiv:2010.11929, section 3.1; patches of several frames from Qwen2-VL,
arXiv:2409.12191, section 2.1; registers from arXiv:2309.16588.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.primitives import LearnedTokens, Norm, apply_if, build_norm
from vlcalc.modules.vit_layers import VisionLayer, grid_angles
from vlcalc.modules.vit_windows import Grid


class PatchEmbedding(nn.Module):
    """One vector of each square of pixels; an image is repeated to fill a patch of many frames."""

    def __init__(
        self, *, in_channels: int, width: int, patch_size: int, num_frames: int, bias: bool
    ) -> None:
        super().__init__()
        self.num_frames = num_frames
        if num_frames == 1:
            self.convolution: nn.Module = nn.Conv2d(
                in_channels, width, patch_size, stride=patch_size, bias=bias
            )
        else:
            sides = (num_frames, patch_size, patch_size)
            self.convolution = nn.Conv3d(in_channels, width, sides, stride=sides, bias=bias)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Grid]:
        """Return the patches of (b, channels, height, width), (b, n, d), and their grid."""
        if self.num_frames > 1:
            pixels = pixels[:, :, None].expand(-1, -1, self.num_frames, -1, -1)
        x: Tensor = self.convolution(pixels)  # (b, d, r, c), with one frame more where there are
        return x.flatten(2).transpose(1, 2), (x.shape[-2], x.shape[-1])


class PositionTable(nn.Module):
    """Learned positions of a square grid, resampled for any other, with rows of prefix tokens.

    Qwen3-VL resamples with its corners aligned, Idefics2 takes the nearest: elementwise all.
    """

    def __init__(self, *, side: int, width: int, num_prefix_rows: int) -> None:
        super().__init__()
        self.side, self.num_prefix_rows = side, num_prefix_rows
        self.weight = nn.Parameter(torch.empty(num_prefix_rows + side**2, width).normal_(std=0.02))

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """Return tokens (b, num_prefix_rows + n, d) of a grid with their positions added."""
        if grid == (self.side, self.side):
            return x + self.weight
        prefix, patches = self.weight.split([self.num_prefix_rows, self.side**2])
        patches = patches.T.unflatten(1, (self.side, self.side))[None]  # (1, d, side, side)
        resampled = F.interpolate(patches, size=grid, mode="bicubic")[0]  # (d, r, c)
        return x + torch.cat([prefix, resampled.flatten(1).T])


class VisionEmbedding(nn.Module):
    """Patches with their positions, behind class and register tokens."""

    def __init__(
        self,
        *,
        width: int,
        patch_size: int,
        temporal_patch_size: int = 1,
        in_channels: int = 3,
        patch_bias: bool = True,
        reads_features: bool = False,
        class_token: bool = False,
        num_registers: int = 0,
        mask_token: bool = False,
        position_side: int = 0,
        class_position: bool = True,
    ) -> None:
        super().__init__()
        self.reads_features = reads_features
        self.patches = PatchEmbedding(
            in_channels=in_channels,
            width=width,
            patch_size=patch_size,
            num_frames=temporal_patch_size,
            bias=patch_bias,
        )
        self.class_token = LearnedTokens(num_tokens=1, width=width) if class_token else None
        self.registers = None
        if num_registers:
            self.registers = LearnedTokens(num_tokens=num_registers, width=width)
        self.mask_token = nn.Parameter(torch.zeros(width)) if mask_token else None
        self.positions = None
        if position_side:
            prefix = int(class_token and class_position)
            self.positions = PositionTable(side=position_side, width=width, num_prefix_rows=prefix)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Grid]:
        """Return the tokens of an image, class token first, then registers, and their grid.

        Args:
            pixels: (b, channels, height, width), or features (b, d, r, c) in place of patches.
        """
        if self.reads_features:
            patches, grid = pixels.flatten(2).transpose(1, 2), (pixels.shape[-2], pixels.shape[-1])
        else:
            patches, grid = self.patches(pixels)
        tokens: list[Tensor] = [patches]
        if self.class_token is not None:
            tokens.insert(0, self.class_token(patches.shape[0]))
        if self.positions is not None and self.positions.num_prefix_rows:
            placed: Tensor = self.positions(torch.cat(tokens, dim=1), grid)
            tokens = [placed[:, :1], placed[:, 1:]]
        elif self.positions is not None:
            tokens[-1] = self.positions(patches, grid)
        if self.registers is not None:
            tokens.insert(-1, self.registers(patches.shape[0]))
        return torch.cat(tokens, dim=1), grid  # (b, prefix + n, d)


class VisionTower(nn.Module):
    """Embedding, layers, last norm, and an attention pool or a neck where there is one."""

    def __init__(
        self,
        *,
        embedding: VisionEmbedding,
        layers: Iterable[VisionLayer],
        width: int,
        norm: Norm = "layer",
        pre_norm: bool = False,
        post_norm: bool = True,
        head: nn.Module | None = None,
        intermediate_layers: Iterable[int] = (),
        rotary_dim: int = 0,
        rope_base: float = 10_000.0,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.rotary_dim, self.rope_base = rotary_dim, rope_base
        self.intermediate_layers = tuple(intermediate_layers)
        self.embedding = embedding
        self.pre_norm = build_norm(norm, width, eps=eps) if pre_norm else None
        self.layers = nn.ModuleList(layers)
        self.post_norm = build_norm(norm, width, eps=eps) if post_norm else None
        self.head = head

    def angles(self, grid: Grid, num_tokens: int, device: torch.device) -> Tensor | None:
        """Return the angles of all tokens, (1, n, e / 2); tokens beside the patches do not turn."""
        if not self.rotary_dim:
            return None
        turned = grid_angles(grid, self.rotary_dim, self.rope_base, device).flatten(0, 1)
        return F.pad(turned, (0, 0, num_tokens - turned.shape[0], 0))[None]

    def _run(self, pixels: Tensor, num_layers: int) -> tuple[Tensor, list[Tensor], Grid]:
        """Return what leaves `num_layers` layers, and what left those whose output is kept."""
        x, grid = self.embedding(pixels)
        angles = self.angles(grid, x.shape[1], x.device)
        x, kept = apply_if(self.pre_norm, x), []
        for index, layer in enumerate(self.layers[:num_layers]):
            x = layer(x, grid, angles)
            if index in self.intermediate_layers:
                kept.append(x)
        return x, kept, grid

    def features(self, pixels: Tensor, num_layers: int) -> Tensor:
        """Return what leaves `num_layers` layers, (b, n, d), without running any further ones."""
        return self._run(pixels, num_layers)[0]

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the tokens of images (b, channels, height, width), or what its head makes of them.

        Outputs of intermediate layers lie behind the last one's, interleaved by channel.
        """
        x, kept, grid = self._run(pixels, len(self.layers))
        x = beside(apply_if(self.post_norm, x), kept)
        if self.head is None:
            return x  # (b, n, output_width)
        out: Tensor = self.head(x, grid)
        return out


def beside(x: Tensor, others: list[Tensor]) -> Tensor:
    """Put tensors of the same shape behind the channels of another, theirs interleaved."""
    return torch.cat([x, torch.stack(others, dim=-1).flatten(-2)], dim=-1) if others else x
