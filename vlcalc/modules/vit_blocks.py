"""The pieces of a vision transformer as modules of their own, to be counted or timed one by one.

Together they are what `VisionTower` and `TiledVisionTower` run; a test holds them to it.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.primitives import apply_if
from vlcalc.modules.vit import VisionTower, beside
from vlcalc.modules.vit_layers import VisionLayer
from vlcalc.modules.vit_tiles import TiledVisionTower
from vlcalc.modules.vit_windows import Grid


class VisionStem(nn.Module):
    """Pixels to what the first layer is given."""

    def __init__(self, tower: VisionTower) -> None:
        super().__init__()
        self.embedding, self.pre_norm = tower.embedding, tower.pre_norm

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the tokens of images (b, channels, height, width), (b, n, d)."""
        return apply_if(self.pre_norm, self.embedding(pixels)[0])


class TiledVisionStem(nn.Module):
    """Pixels of all tiles to what the first layer is given: one sequence an image, filled up."""

    def __init__(self, tower: TiledVisionTower) -> None:
        super().__init__()
        self.tower = tower
        del tower.post_norm, tower.tiles_between  # they come after the layers

    def forward(self, pixels: Tensor, arrangement: Tensor) -> Tensor:
        """Return the tokens of tiles (b, tiles, channels, height, width), (b, tiles * n, d)."""
        x = self.tower.embed(pixels, arrangement)
        return F.pad(x, (0, 0, 0, -x.shape[2] % self.tower.token_multiple)).flatten(1, 2)


class GridLayer(nn.Module):
    """A layer whose grid is known; what it is given beside tokens are angles or a mask."""

    def __init__(self, layer: VisionLayer, grid: Grid, *, masked: bool) -> None:
        super().__init__()
        self.layer, self.grid, self.masked = layer, grid, masked

    def forward(self, x: Tensor, beside_tokens: Tensor | None = None) -> Tensor:
        """Return tokens (b, n, d) of the same grid."""
        key = "mask" if self.masked else "angles"
        out: Tensor = self.layer(x, self.grid, **{key: beside_tokens})
        return out


class VisionEnd(nn.Module):
    """What leaves the last layer, and kept outputs of others, to what leaves the encoder."""

    def __init__(self, tower: VisionTower, grid: Grid) -> None:
        super().__init__()
        self.post_norm, self.head, self.grid = tower.post_norm, tower.head, grid

    def forward(self, x: Tensor, *kept: Tensor) -> Tensor:
        """Return tokens (b, n, output_width), or what the head makes of them."""
        x = beside(apply_if(self.post_norm, x), list(kept))
        out: Tensor = x if self.head is None else self.head(x, self.grid)
        return out


class TiledVisionMiddle(nn.Module):
    """What is between the local layers and the gated ones: a norm and the tiles' vectors."""

    def __init__(self, tower: TiledVisionTower) -> None:
        super().__init__()
        self.post_norm, self.tiles_between = tower.post_norm, tower.tiles_between
        self.max_tiles = tower.max_tiles

    def forward(self, x: Tensor, arrangement: Tensor) -> Tensor:
        """Return tokens (b, tiles * n, d)."""
        tiles = self.post_norm(x).unflatten(1, (self.max_tiles, -1))
        out: Tensor = self.tiles_between(tiles, arrangement).flatten(1, 2)
        return out


class TiledVisionEnd(nn.Module):
    """Outputs of local layers put beside the last one's, without the filling."""

    def __init__(self, max_tiles: int, num_tokens: int) -> None:
        super().__init__()
        self.max_tiles, self.num_tokens = max_tiles, num_tokens

    def forward(self, x: Tensor, *kept: Tensor) -> Tensor:
        """Return tokens (b, tiles, 1 + n, output_width)."""
        out = beside(x, list(kept)).unflatten(1, (self.max_tiles, -1))
        return out[:, :, : self.num_tokens]
