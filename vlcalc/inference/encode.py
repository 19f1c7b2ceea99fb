"""The blocks of the encode phase: what a vision transformer runs on one shape of input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vlcalc.backbones.vit import VisionTransformer
from vlcalc.inference.blocks import Block, Build
from vlcalc.inference.plan import EncoderCall

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vlcalc.modules.vit import VisionTower
    from vlcalc.modules.vit_tiles import TiledVisionTower


def encode_blocks(call: EncoderCall) -> Iterator[Block] | None:
    """Return the blocks of an encoder's run; None where its structure is not known."""
    encoder = call.vision.encoder
    return None if encoder is None else _blocks(encoder, call)


def _blocks(encoder: VisionTransformer, call: EncoderCall) -> Iterator[Block]:
    path, size = call.vision.name, (call.columns, call.rows, call.batch_size)
    yield Block(
        component="vision",
        path=f"{path}.embedding",
        num_repeats=1,
        flops=encoder.patch_flops(*size),
        build=_stem(encoder, call),
    )
    for layers in alike_layers(encoder):
        yield Block(
            component="vision",
            path=f"{path}.layers[{layers[0]}]",
            num_repeats=len(layers),
            flops=encoder.layer_flops(*size, index=layers[0]),
            build=_layer(encoder, call, layers[0]),
            held_values=max(_held_values(encoder, call, index) for index in layers),
        )
    if encoder.tiles:
        yield Block(
            component="vision",
            path=f"{path}.tile_embedding",
            num_repeats=1,
            flops=0,
            build=_middle(encoder, call),
            held_values=_held_values(encoder, call, encoder.depth),
        )
    if encoder.post_norm or encoder.head_params() or encoder.intermediate_layers:
        yield Block(
            component="vision",
            path=f"{path}.head",
            num_repeats=1,
            flops=encoder.head_flops(*size),
            build=_end(encoder, call),
            held_values=_num_pixels(encoder, call),
        )


def alike_layers(encoder: VisionTransformer) -> tuple[tuple[int, ...], ...]:
    """Return the indices of the layers that are alike, those of each kind together."""

    def kind(index: int) -> tuple[object, ...]:
        is_global = index >= encoder.depth
        return encoder.window_of(index), encoder.relative_side(index), is_global

    kinds = [kind(index) for index in range(encoder.total_depth)]
    indices = range(encoder.total_depth)
    return tuple(
        tuple(index for index in indices if kinds[index] == each) for each in dict.fromkeys(kinds)
    )


def _held_values(encoder: VisionTransformer, call: EncoderCall, index: int) -> int:
    """Return the values alive beside a layer's input: pixels, and outputs kept for the end."""
    before = index - (index <= encoder.depth)  # the one before a local layer gave its input
    kept = sum(layer < before for layer in encoder.intermediate_layers)
    return _num_pixels(encoder, call) + kept * _num_values(encoder, call)


def _num_pixels(encoder: VisionTransformer, call: EncoderCall) -> int:
    """Return the values of all pixels; whoever calls the encoder keeps them."""
    tiles = encoder.tiles.max_tiles if encoder.tiles else 1
    area = call.columns * call.rows * encoder.patch_size**2
    return call.batch_size * tiles * encoder.in_channels * area


def _num_values(encoder: VisionTransformer, call: EncoderCall) -> int:
    """Return the values that are between two layers."""
    length = encoder.sequence_length(call.columns, call.rows)
    return call.batch_size * length * encoder.width


def _tower(encoder: VisionTransformer, device: str) -> VisionTower | TiledVisionTower:
    """Return the encoder without its layers."""
    tiles = encoder.tiles and encoder.tiles.model_copy(update={"global_depth": 0})
    window = encoder.window and encoder.window.model_copy(update={"full_layers": ()})
    bare = {"depth": 0, "intermediate_layers": (), "tiles": tiles, "window": window}
    return encoder.model_copy(update=bare).build(device)


def _stem(encoder: VisionTransformer, call: EncoderCall) -> Build:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        from vlcalc.modules.vit import VisionTower
        from vlcalc.modules.vit_blocks import TiledVisionStem, VisionStem

        tower = _tower(encoder, device)
        inputs = encoder.example_inputs(call.columns, call.rows, call.batch_size, device)
        stem = VisionStem(tower) if isinstance(tower, VisionTower) else TiledVisionStem(tower)
        return stem, inputs

    return build


def _layer(encoder: VisionTransformer, call: EncoderCall, index: int) -> Build:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        from vlcalc.modules.vit_blocks import GridLayer

        layer = encoder.build_layer(device, index=index)
        masked = encoder.tiles is not None
        grid = (1, encoder.sequence_length(1, 1)) if masked else (call.rows, call.columns)
        inputs = (_tokens(encoder, call, device), *_beside_tokens(encoder, call, device))
        return GridLayer(layer, grid, masked=masked), inputs

    return build


def _tokens(encoder: VisionTransformer, call: EncoderCall, device: str) -> Tensor:
    """Return what is between two layers."""
    import torch

    length = encoder.sequence_length(call.columns, call.rows)
    return torch.randn(call.batch_size, length, encoder.width, device=device)


def _beside_tokens(
    encoder: VisionTransformer, call: EncoderCall, device: str
) -> tuple[Tensor, ...]:
    """Return the angles of all positions, or the mask of a filled-up sequence; else nothing."""
    import torch

    length = encoder.sequence_length(call.columns, call.rows)
    if encoder.tiles:
        shape = (call.batch_size, 1, length, length)
        return (torch.ones(shape, dtype=torch.bool, device=device),)
    if encoder.rotary:
        return (torch.randn(1, length, encoder.head_dim // 2, device=device),)
    return ()


def _middle(encoder: VisionTransformer, call: EncoderCall) -> Build:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        from vlcalc.modules.vit_blocks import TiledVisionMiddle
        from vlcalc.modules.vit_tiles import TiledVisionTower

        tower = _tower(encoder, device)
        assert isinstance(tower, TiledVisionTower)
        arrangement = torch.ones(call.batch_size, dtype=torch.long, device=device)
        return TiledVisionMiddle(tower), (_tokens(encoder, call, device), arrangement)

    return build


def _end(encoder: VisionTransformer, call: EncoderCall) -> Build:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        from vlcalc.modules.vit import VisionTower
        from vlcalc.modules.vit_blocks import TiledVisionEnd, VisionEnd

        tower = _tower(encoder, device)
        num_inputs = 1 + len(encoder.intermediate_layers)
        inputs = tuple(_tokens(encoder, call, device) for _ in range(num_inputs))
        if isinstance(tower, VisionTower):
            return VisionEnd(tower, (call.rows, call.columns)), inputs
        num_tokens = encoder.num_tokens(call.columns, call.rows)
        return TiledVisionEnd(tower.max_tiles, num_tokens), inputs

    return build
