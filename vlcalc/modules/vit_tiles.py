"""A vision transformer over all tiles of an image at once, as in Llama 3.2 Vision.

Source: Llama 3, arXiv:2407.21783, section 7.2; transformers
models/mllama/modeling_mllama.py::MllamaVisionModel.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.primitives import LearnedTokens, Norm, apply_if, build_norm
from vlcalc.modules.vit import PatchEmbedding, beside
from vlcalc.modules.vit_layers import VisionLayer


class TileEmbedding(nn.Module):
    """A vector of each tile of each arrangement, behind a gate; arrangement 0 is no image."""

    def __init__(self, *, num_aspect_ratios: int, max_tiles: int, width: int) -> None:
        super().__init__()
        shape = (num_aspect_ratios + 1, max_tiles, 1, width)
        self.weight = nn.Parameter(torch.empty(shape).normal_(std=0.02))
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, arrangement: Tensor) -> Tensor:
        """Return tiles (b, tiles, n, d), each with its vector added."""
        return x + torch.tanh(self.gate) * self.weight[arrangement]


class TilePositions(nn.Module):
    """Learned positions within a tile, and others for each tile, weighed by one gate."""

    def __init__(self, *, side: int, num_aspect_ratios: int, max_tiles: int, width: int) -> None:
        super().__init__()
        self.within = nn.Parameter(torch.empty(side**2 + 1, width).normal_(std=0.02))
        shape = (num_aspect_ratios + 1, max_tiles, side**2 + 1, width)
        self.across = nn.Parameter(torch.empty(shape).normal_(std=0.02))
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, arrangement: Tensor) -> Tensor:
        """Return tiles (b, tiles, n, d) with their positions added."""
        weight = torch.tanh(self.gate)
        return x + (1 - weight) * self.within + weight * self.across[arrangement]


class TiledVisionTower(nn.Module):
    """Local layers, last norm, then gated layers, over the tiles of an image as one sequence."""

    def __init__(
        self,
        *,
        patches: PatchEmbedding,
        layers: Iterable[VisionLayer],
        gated_layers: Iterable[VisionLayer],
        width: int,
        position_side: int,
        max_tiles: int,
        num_aspect_ratios: int,
        token_multiple: int,
        norm: Norm = "layer",
        pre_norm: bool = True,
        intermediate_layers: Iterable[int] = (),
        eps: float = 1e-5,
    ) -> None:
        super().__init__()

        def new_tile_embedding() -> TileEmbedding:
            return TileEmbedding(
                num_aspect_ratios=num_aspect_ratios, max_tiles=max_tiles, width=width
            )

        self.max_tiles, self.token_multiple = max_tiles, token_multiple
        self.intermediate_layers = tuple(intermediate_layers)
        self.patches = patches
        self.tiles_before = new_tile_embedding()
        self.class_token = LearnedTokens(num_tokens=1, width=width)
        self.positions = TilePositions(
            side=position_side,
            num_aspect_ratios=num_aspect_ratios,
            max_tiles=max_tiles,
            width=width,
        )
        self.pre_norm = build_norm(norm, width, eps=eps) if pre_norm else None
        self.layers = nn.ModuleList(layers)
        self.post_norm = build_norm(norm, width, eps=eps)
        self.tiles_between = new_tile_embedding()
        self.gated_layers = nn.ModuleList(gated_layers)

    def embed(self, pixels: Tensor, arrangement: Tensor) -> Tensor:
        """Return the tokens of each tile, (b, tiles, 1 + n, d)."""
        x, _ = self.patches(pixels.flatten(0, 1))
        x = self.tiles_before(x.unflatten(0, (-1, self.max_tiles)), arrangement)
        first = self.class_token(x.shape[0] * self.max_tiles)  # (b * tiles, 1, d)
        x = torch.cat([first.unflatten(0, (-1, self.max_tiles)), x], dim=2)
        return apply_if(self.pre_norm, self.positions(x, arrangement))

    def mask(self, real_tiles: Tensor, num_tokens: int, num_padded: int) -> Tensor:
        """Return (b, 1, positions, positions), False where query and key are both filling."""
        filling = torch.arange(num_padded, device=real_tiles.device) >= num_tokens
        filling = (filling | ~real_tiles[..., None]).flatten(1)  # (b, tiles * num_padded)
        return ~(filling[:, None, :, None] & filling[:, None, None, :])

    def forward(
        self, pixels: Tensor, arrangement: Tensor, real_tiles: Tensor | None = None
    ) -> Tensor:
        """Return the tokens of each tile, (b, tiles, 1 + n, output_width).

        Args:
            pixels: (b, tiles, channels, height, width), missing tiles filled with zeros.
            arrangement: which arrangement of tiles each image has, from 1, (b,).
            real_tiles: True where a tile is part of the image, (b, tiles); all by default.
        """
        x = self.embed(pixels, arrangement)
        num_tokens = x.shape[2]
        x = F.pad(x, (0, 0, 0, -num_tokens % self.token_multiple))
        if real_tiles is None:
            real_tiles = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        mask, kept = self.mask(real_tiles, num_tokens, x.shape[2]), []
        for index, layer in enumerate(self.layers):
            x = self._merged(layer, x, mask)
            if index in self.intermediate_layers:
                kept.append(x)
        x = self.tiles_between(self.post_norm(x), arrangement)
        for layer in self.gated_layers:
            x = self._merged(layer, x, mask)
        return beside(x, kept)[:, :, :num_tokens]

    def _merged(self, layer: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
        """Return what leaves a layer that is given all tiles as one sequence, cut again."""
        merged: Tensor = layer(x.flatten(1, 2), (1, x.shape[2]), None, mask)
        return merged.unflatten(1, (self.max_tiles, -1))
