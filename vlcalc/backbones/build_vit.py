"""From a vision transformer's shape to its modules; each function imports torch when called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from vlcalc.backbones.vit_parts import Tiles
    from vlcalc.backbones.vit_shape import VisionShape
    from vlcalc.modules.vit import VisionEmbedding, VisionTower
    from vlcalc.modules.vit_layers import VisionLayer
    from vlcalc.modules.vit_tiles import TiledVisionTower


def build_vision_layer(shape: VisionShape, device: str, *, index: int, eps: float) -> VisionLayer:
    """Return the layer of an index on a device."""
    import torch

    from vlcalc.modules.vit_layers import VisionLayer

    window = shape.window_of(index)
    with torch.device(device):
        return VisionLayer(
            width=shape.width,
            num_heads=shape.num_heads,
            ffn_width=shape.ffn_width,
            activation=shape.activation,
            gated=shape.gated,
            qkv_bias=shape.qkv_bias,
            key_bias=shape.key_bias,
            output_bias=shape.output_bias,
            mlp_bias=shape.mlp_bias,
            qk_norm=shape.qk_norm,
            norm=shape.norm,
            layer_scale=shape.layer_scale,
            tanh_gates=index >= shape.depth,
            relative_side=shape.relative_side(index),
            window_size=window.size if window else None,
            padded_windows=bool(window and window.padded),
            eps=eps,
        )


def build_embedding(shape: VisionShape) -> VisionEmbedding:
    """Return what is before the first layer, on the device that is current."""
    from vlcalc.modules.vit import VisionEmbedding

    return VisionEmbedding(
        width=shape.width,
        patch_size=shape.patch_size,
        temporal_patch_size=shape.temporal_patch_size,
        in_channels=shape.in_channels,
        patch_bias=shape.patch_bias,
        reads_features=shape.reads_features,
        class_token=shape.class_token,
        num_registers=shape.num_registers,
        mask_token=shape.mask_token,
        position_side=shape.position_side,
        class_position=shape.class_position,
    )


def build_head(shape: VisionShape, *, eps: float) -> nn.Module | None:
    """Return what is behind the last layer, on the device that is current."""
    from vlcalc.modules.vit_heads import AttentionPool, ConvolutionNeck

    if shape.neck:
        widths = [shape.neck.width, *shape.neck.downsample_widths]
        return ConvolutionNeck(vision_width=shape.width, widths=widths, eps=eps)
    if shape.attention_pool:
        return AttentionPool(
            width=shape.width,
            num_heads=shape.num_heads,
            hidden_width=shape.ffn_width,
            activation=shape.activation,
            eps=eps,
        )
    return None


def build_tower(shape: VisionShape, device: str, *, rope_base: float, eps: float) -> VisionTower:
    """Return the whole encoder of single images on a device."""
    import torch

    from vlcalc.modules.vit import VisionTower

    layers = [
        build_vision_layer(shape, device, index=index, eps=eps) for index in range(shape.depth)
    ]
    with torch.device(device):
        return VisionTower(
            embedding=build_embedding(shape),
            layers=layers,
            width=shape.width,
            norm=shape.norm,
            pre_norm=shape.pre_norm,
            post_norm=shape.post_norm,
            head=build_head(shape, eps=eps),
            intermediate_layers=shape.intermediate_layers,
            rotary_dim=shape.head_dim if shape.rotary else 0,
            rope_base=rope_base,
            eps=eps,
        )


def build_tiled_tower(
    shape: VisionShape, tiles: Tiles, device: str, *, eps: float
) -> TiledVisionTower:
    """Return the whole encoder of tiled images on a device."""
    import torch

    from vlcalc.modules.vit import PatchEmbedding
    from vlcalc.modules.vit_tiles import TiledVisionTower

    layers = [
        build_vision_layer(shape, device, index=index, eps=eps)
        for index in range(shape.total_depth)
    ]
    with torch.device(device):
        return TiledVisionTower(
            patches=PatchEmbedding(
                in_channels=shape.in_channels,
                width=shape.width,
                patch_size=shape.patch_size,
                num_frames=shape.temporal_patch_size,
                bias=shape.patch_bias,
            ),
            layers=layers[: shape.depth],
            gated_layers=layers[shape.depth :],
            width=shape.width,
            position_side=shape.position_side,
            max_tiles=tiles.max_tiles,
            num_aspect_ratios=tiles.num_aspect_ratios,
            token_multiple=tiles.token_multiple,
            norm=shape.norm,
            pre_norm=shape.pre_norm,
            intermediate_layers=shape.intermediate_layers,
            eps=eps,
        )
