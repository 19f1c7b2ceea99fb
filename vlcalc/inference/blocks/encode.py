"""The blocks of the encode phase: what a vision transformer runs on one shape of input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlcalc.backbones.vit import VisionTransformer
from vlcalc.inference.blocks.block import Block, Built
from vlcalc.inference.plan import EncoderCall

if TYPE_CHECKING:
    from torch import Tensor

    from vlcalc.modules.vit import VisionTower
    from vlcalc.modules.vit_tiles import TiledVisionTower


def encode_blocks(call: EncoderCall) -> tuple[Block, ...] | None:
    """Return the blocks of an encoder's run; None where its structure is not known."""
    encoder = call.vision.encoder
    return None if encoder is None else tuple(_blocks(encoder, call))


def _blocks(encoder: VisionTransformer, call: EncoderCall) -> Iterator[Block]:
    path = call.vision.name
    grid = EncoderGrid(encoder, call.columns, call.rows, call.batch_size)
    yield VisionStemBlock(path=f"{path}.embedding", grid=grid)
    for layers in alike_layers(encoder):
        yield VisionLayerBlock(
            path=f"{path}.layers[{layers[0]}]",
            num_repeats=len(layers),
            held_values=max(grid.held_values(index) for index in layers),
            grid=grid,
            index=layers[0],
        )
    if encoder.tiles:
        yield TileVectorsBlock(
            path=f"{path}.tile_embedding", held_values=grid.held_values(encoder.depth), grid=grid
        )
    if encoder.post_norm or encoder.head_params() or encoder.intermediate_layers:
        yield VisionHeadBlock(path=f"{path}.head", held_values=grid.num_pixels, grid=grid)


def alike_layers(encoder: VisionTransformer) -> tuple[tuple[int, ...], ...]:
    """Return the indices of the layers that are alike, those of each kind together."""
    alike: dict[tuple[object, ...], tuple[int, ...]] = {}
    for index in range(encoder.total_depth):
        is_global = index >= encoder.depth
        kind = encoder.window_of(index), encoder.relative_side(index), is_global
        alike[kind] = (*alike.get(kind, ()), index)
    return tuple(alike.values())


@dataclass(frozen=True, slots=True)
class EncoderGrid:
    """An encoder on `batch_size` images of `columns` x `rows` patches each."""

    encoder: VisionTransformer
    columns: int
    rows: int
    batch_size: int

    @property
    def size(self) -> tuple[int, int, int]:
        """Columns, rows and images."""
        return self.columns, self.rows, self.batch_size

    @property
    def length(self) -> int:
        """Positions of one sequence between two layers."""
        return self.encoder.sequence_length(self.columns, self.rows)

    @property
    def num_pixels(self) -> int:
        """Values of all that goes in, pixels or features; whoever calls the encoder keeps them."""
        if self.encoder.reads_features:
            return self.batch_size * self.encoder.width * self.columns * self.rows
        tiles = self.encoder.tiles.max_tiles if self.encoder.tiles else 1
        area = self.columns * self.rows * self.encoder.patch_size**2
        return self.batch_size * tiles * self.encoder.in_channels * area

    def held_values(self, index: int) -> int:
        """Return the values alive beside a layer's input: pixels, and outputs kept for the end."""
        is_local = index <= self.encoder.depth
        before = index - is_local  # the layer before a local one gave its input
        kept = sum(layer < before for layer in self.encoder.intermediate_layers)
        return self.num_pixels + kept * self.batch_size * self.length * self.encoder.width

    def tokens(self, device: str) -> Tensor:
        """Return what is between two layers, (b, n, d)."""
        import torch

        return torch.randn(self.batch_size, self.length, self.encoder.width, device=device)

    def beside_tokens(self, device: str) -> tuple[Tensor, ...]:
        """Return the angles of all positions, or the mask of a filled-up sequence; else nothing."""
        import torch

        if self.encoder.tiles:
            shape = (self.batch_size, 1, self.length, self.length)
            return (torch.ones(shape, dtype=torch.bool, device=device),)
        if self.encoder.rotary:
            return (torch.randn(1, self.length, self.encoder.head_dim // 2, device=device),)
        return ()

    def bare_tower(self, device: str) -> VisionTower | TiledVisionTower:
        """Return the encoder without its layers."""
        encoder = self.encoder
        tiles = encoder.tiles and encoder.tiles.model_copy(update={"global_depth": 0})
        window = encoder.window and encoder.window.model_copy(update={"full_layers": ()})
        bare = {"depth": 0, "intermediate_layers": (), "tiles": tiles, "window": window}
        return encoder.model_copy(update=bare).build(device)


@dataclass(frozen=True, kw_only=True)
class VisionBlock(Block):
    """A piece of a vision transformer."""

    grid: EncoderGrid


@dataclass(frozen=True, kw_only=True)
class VisionStemBlock(VisionBlock):
    """Pixels to what the first layer is given."""

    @property
    def flops(self) -> int:
        return self.grid.encoder.patch_flops(*self.grid.size)

    def build(self, device: str) -> Built:
        from vlcalc.modules.vit import VisionTower
        from vlcalc.modules.vit_blocks import TiledVisionStem, VisionStem

        tower = self.grid.bare_tower(device)
        inputs = self.grid.encoder.example_inputs(*self.grid.size, device)
        stem = VisionStem(tower) if isinstance(tower, VisionTower) else TiledVisionStem(tower)
        return stem, inputs


@dataclass(frozen=True, kw_only=True)
class VisionLayerBlock(VisionBlock):
    """One layer, by its index from 0."""

    index: int

    @property
    def flops(self) -> int:
        return self.grid.encoder.layer_flops(*self.grid.size, index=self.index)

    def build(self, device: str) -> Built:
        from vlcalc.modules.vit_blocks import GridLayer

        encoder, columns, rows = self.grid.encoder, self.grid.columns, self.grid.rows
        masked = encoder.tiles is not None
        sides = (1, encoder.sequence_length(1, 1)) if masked else (rows, columns)
        layer = GridLayer(encoder.build_layer(device, index=self.index), sides, masked=masked)
        return layer, (self.grid.tokens(device), *self.grid.beside_tokens(device))


@dataclass(frozen=True, kw_only=True)
class TileVectorsBlock(VisionBlock):
    """What is between the local layers and the gated ones of tiled images."""

    def build(self, device: str) -> Built:
        import torch

        from vlcalc.modules.vit_blocks import TiledVisionMiddle
        from vlcalc.modules.vit_tiles import TiledVisionTower

        tower = self.grid.bare_tower(device)
        assert isinstance(tower, TiledVisionTower)
        arrangement = torch.ones(self.grid.batch_size, dtype=torch.long, device=device)
        return TiledVisionMiddle(tower), (self.grid.tokens(device), arrangement)


@dataclass(frozen=True, kw_only=True)
class VisionHeadBlock(VisionBlock):
    """The last layer's output, and those kept of others, to what leaves the encoder."""

    @property
    def flops(self) -> int:
        return self.grid.encoder.head_flops(*self.grid.size)

    def build(self, device: str) -> Built:
        from vlcalc.modules.vit import VisionTower
        from vlcalc.modules.vit_blocks import TiledVisionEnd, VisionEnd

        encoder, columns, rows = self.grid.encoder, self.grid.columns, self.grid.rows
        tower = self.grid.bare_tower(device)
        num_inputs = 1 + len(encoder.intermediate_layers)
        inputs = tuple(self.grid.tokens(device) for _ in range(num_inputs))
        if isinstance(tower, VisionTower):
            return VisionEnd(tower, (rows, columns)), inputs
        return TiledVisionEnd(tower.max_tiles, encoder.num_tokens(columns, rows)), inputs
