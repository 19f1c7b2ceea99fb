"""What configs of transformers call the fields of a vision transformer; what they leave free."""

from __future__ import annotations

import random
from typing import Any

from vlcalc.backbones.vit import VisionTransformer

Keys = dict[str, Any]
Draw = random.Random


def plain_keys(shape: VisionTransformer) -> Keys:
    return {
        "num_hidden_layers": shape.depth,
        "hidden_size": shape.width,
        "num_attention_heads": shape.num_heads,
        "intermediate_size": shape.ffn_width,
        "patch_size": shape.patch_size,
        "image_size": shape.patch_size * shape.position_side,
        "hidden_act": {"gelu_tanh": "gelu_pytorch_tanh"}.get(shape.activation, shape.activation),
    }


def siglip_keys(shape: VisionTransformer) -> Keys:
    return {**plain_keys(shape), "vision_use_head": shape.attention_pool}


def siglip2_keys(shape: VisionTransformer) -> Keys:
    return {**siglip_keys(shape), "num_patches": shape.position_side**2}


def internvl_keys(shape: VisionTransformer) -> Keys:
    side = shape.patch_size * shape.position_side
    return {
        **plain_keys(shape),
        "image_size": [side, side],
        "patch_size": [shape.patch_size, shape.patch_size],
        "attention_bias": shape.qkv_bias,
        "use_qk_norm": shape.qk_norm is not None,
        "norm_type": {"rms": "rms_norm", "layer": "layer_norm"}[shape.norm],
        "use_mask_token": shape.mask_token,
        "use_mean_pooling": not shape.post_norm,
    }


def dinov2_keys(shape: VisionTransformer) -> Keys:
    ratio = shape.ffn_width // shape.width
    if shape.gated:  # the smallest ratio whose two thirds, rounded up to 8, are that wide
        ratio = next(r for r in range(1, 99) if gated_width(shape.width, r) == shape.ffn_width)
    keys = {**plain_keys(shape), "mlp_ratio": ratio, "use_swiglu_ffn": shape.gated}
    if shape.num_registers:
        return {**keys, "num_register_tokens": shape.num_registers, "hidden_act": "gelu"}
    return {**keys, "use_mask_token": shape.mask_token, "hidden_act": "gelu"}


def gated_width(width: int, ratio: int) -> int:
    return (int(width * ratio * 2 / 3) + 7) // 8 * 8


def qwen_keys(shape: VisionTransformer) -> Keys:
    return {
        "depth": shape.depth,
        "hidden_size": shape.width,
        "num_heads": shape.num_heads,
        "intermediate_size": shape.ffn_width,
        "patch_size": shape.patch_size,
        "temporal_patch_size": shape.temporal_patch_size,
        "out_hidden_size": 32,
    }


def qwen2_keys(shape: VisionTransformer) -> Keys:
    keys = {**qwen_keys(shape), "embed_dim": shape.width, "hidden_size": 32}
    return {**keys, "mlp_ratio": shape.ffn_width // shape.width}


def qwen25_keys(shape: VisionTransformer) -> Keys:
    assert shape.window is not None
    return {
        **qwen_keys(shape),
        "window_size": shape.window.size * shape.patch_size,
        "fullatt_block_indexes": list(shape.window.full_layers),
        "hidden_act": "silu",
    }


def qwen3_keys(shape: VisionTransformer) -> Keys:
    positions = {"num_position_embeddings": shape.position_side**2}
    return {**qwen_keys(shape), **positions, "deepstack_visual_indexes": [0]}


def glm4v_keys(shape: VisionTransformer) -> Keys:
    keys = qwen_keys(shape)
    del keys["intermediate_size"]
    side = shape.patch_size * shape.position_side
    return {**keys, "intermediate_size": 8, "image_size": side, "out_hidden_size": shape.ffn_width}


def mllama_keys(shape: VisionTransformer) -> Keys:
    assert shape.tiles is not None
    keys = plain_keys(shape)
    ratios = [[1, each + 1] for each in range(shape.tiles.num_aspect_ratios)]
    return {
        **keys,
        "attention_heads": keys.pop("num_attention_heads"),
        "num_global_layers": shape.tiles.global_depth,
        "max_num_tiles": shape.tiles.max_tiles,
        "supported_aspect_ratios": ratios,
        "intermediate_layers_indices": list(shape.intermediate_layers),
        "vision_output_dim": shape.output_width,
    }


def llama4_keys(shape: VisionTransformer) -> Keys:
    small = {"vision_output_dim": 32, "projector_input_dim": 32, "projector_output_dim": 32}
    return {**plain_keys(shape), **small}


def blip2_keys(shape: VisionTransformer) -> Keys:
    return {**plain_keys(shape), "qkv_bias": shape.qkv_bias}


def sam_keys(shape: VisionTransformer) -> Keys:
    assert shape.window is not None
    assert shape.neck is not None
    return {
        **plain_keys(shape),
        "mlp_dim": shape.ffn_width,
        "window_size": shape.window.size,
        "global_attn_indexes": list(shape.window.full_layers),
        "output_channels": shape.neck.width,
        "qkv_bias": shape.qkv_bias,
        "num_pos_feats": 16,
    }


def draw_pool(draw: Draw, _: Keys) -> Keys:
    return {"attention_pool": draw.random() < 0.5}


def draw_internvl(draw: Draw, _: Keys) -> Keys:
    fields = {key: draw.random() < 0.5 for key in ("qkv_bias", "mask_token", "post_norm")}
    norm = draw.choice(["rms", "layer"])
    if norm == "rms":
        fields["post_norm"] = False  # the class has a LayerNorm there whatever the layers have
    return {**fields, "norm": norm, "qk_norm": draw.choice(["rms", None])}


def draw_dinov2(draw: Draw, shape: Keys) -> Keys:
    ratio, gated = draw.randint(1, 5), draw.random() < 0.5
    width = shape["width"]
    return {
        "ffn_width": gated_width(width, ratio) if gated else ratio * width,
        "gated": gated,
        "activation": "silu" if gated else "gelu",
        "mask_token": draw.random() < 0.5,
    }


def draw_registers(draw: Draw, shape: Keys) -> Keys:
    fields = draw_dinov2(draw, shape)
    return {**fields, "mask_token": True, "num_registers": draw.randint(1, 6)}


def draw_four_times(draw: Draw, shape: Keys) -> Keys:
    return {"ffn_width": draw.randint(1, 5) * shape["width"]}


def draw_adapted(draw: Draw, shape: Keys) -> Keys:
    # The adapter behind the encoder wants this width, and a grid that it can halve.
    return {"ffn_width": 4 * shape["width"], "position_side": 2 * draw.randint(1, 4)}


def draw_window(draw: Draw, shape: Keys) -> Keys:
    full = draw.sample(range(shape["depth"]), draw.randint(0, shape["depth"]))
    return {"window": {"size": 2 * draw.randint(1, 4), "full_layers": tuple(sorted(full))}}


def draw_tiles(draw: Draw, shape: Keys) -> Keys:
    kept = draw.sample(range(shape["depth"]), draw.randint(1, shape["depth"]))
    tiles = {
        "max_tiles": draw.randint(1, 5),
        "num_aspect_ratios": draw.randint(1, 9),
        "global_depth": draw.randint(1, 3),
    }
    return {"tiles": tiles, "intermediate_layers": tuple(sorted(kept))}


def draw_sam(draw: Draw, shape: Keys) -> Keys:
    window = {**draw_window(draw, shape)["window"], "padded": True}
    neck = {"width": draw.randint(4, 40)}
    return {"window": window, "neck": neck, "qkv_bias": draw.random() < 0.5}


def draw_qkv_bias(draw: Draw, _: Keys) -> Keys:
    return {"qkv_bias": draw.random() < 0.5}
