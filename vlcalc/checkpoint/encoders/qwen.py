"""The vision transformers of Qwen-VL and GLM-V: any size of image, rotated positions.

Source: transformers models/{qwen2_vl,qwen2_5_vl,qwen3_vl,glm4v}/modeling_*.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config, Sourced
from vlcalc.checkpoint.encoder_parts import square
from vlcalc.checkpoint.readers import ENCODERS, Block, reads


def _block(config: Config, width: Sourced, encoder: Block) -> Block:
    """Return the block of an encoder for images of any size."""
    shape = {
        "depth": config.key("depth", "num_hidden_layers"),
        "width": width,
        "num_heads": config.key("num_heads", "num_attention_heads"),
        "patch_size": square(config, "patch_size"),
        "temporal_patch_size": config.key("temporal_patch_size"),
        "in_channels": config.key("in_channels", "in_chans"),
        "activation": config.activation("hidden_act"),
        "rotary": True,
        "post_norm": False,
    }
    return {
        "name": config.model_type,
        "patch_size": square(config, "patch_size"),
        "image_size": None,
        "width": width,
        "num_prefix_tokens": 0,
        "encoder": {**shape, **encoder},
    }


@reads(
    ENCODERS,
    "qwen2_vl_vision",
    depth=32,
    embed_dim=1280,
    hidden_size=3584,
    hidden_act="quick_gelu",
    mlp_ratio=4,
    num_heads=16,
    in_channels=3,
    patch_size=14,
    spatial_merge_size=2,
    temporal_patch_size=2,
)
def qwen2_vl_encoder(config: Config) -> Block:
    """Return Qwen2-VL's block."""
    ffn_width = int(config.integer("embed_dim") * config.number("mlp_ratio"))
    encoder = {
        "ffn_width": config.derived(ffn_width, "embed_dim", "mlp_ratio"),
        "patch_bias": False,
    }
    return _block(config, config.key("embed_dim"), encoder)


@reads(
    ENCODERS,
    "qwen2_5_vl_vision",
    depth=32,
    hidden_size=3584,
    hidden_act="silu",
    intermediate_size=3420,
    num_heads=16,
    in_channels=3,
    patch_size=14,
    spatial_merge_size=2,
    temporal_patch_size=2,
    window_size=112,
    fullatt_block_indexes=[7, 15, 23, 31],
)
def qwen2_5_vl_encoder(config: Config) -> Block:
    """Return Qwen2.5-VL's block: windows of whole merged squares in most layers."""
    merge_size, patch = config.integer("spatial_merge_size"), config.side("patch_size")
    window = config.integer("window_size") // merge_size // patch * merge_size
    keys = ("window_size", "spatial_merge_size", "patch_size")
    encoder = {
        "ffn_width": config.key("intermediate_size"),
        "patch_bias": False,
        "gated": True,
        "norm": "rms",
        "window": {
            "size": config.derived(window, *keys),
            "full_layers": config.key("fullatt_block_indexes"),
        },
    }
    return _block(config, config.key("hidden_size"), encoder)


QWEN3_VL = {
    "depth": 27,
    "hidden_size": 1152,
    "hidden_act": "gelu_pytorch_tanh",
    "intermediate_size": 4304,
    "num_heads": 16,
    "in_channels": 3,
    "patch_size": 16,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [8, 16, 24],
}


@reads(ENCODERS, "qwen3_vl_vision", **QWEN3_VL)
@reads(ENCODERS, "qwen3_vl_moe_vision", **QWEN3_VL)
def qwen3_vl_encoder(config: Config) -> Block:
    """Return Qwen3-VL's block: learned positions beside the rotated ones."""
    side = int(config.integer("num_position_embeddings") ** 0.5)
    encoder: Block = {
        "ffn_width": config.key("intermediate_size"),
        "position_side": config.derived(side, "num_position_embeddings"),
    }
    return _block(config, config.key("hidden_size"), encoder)


@reads(
    ENCODERS,
    "glm4v_vision",
    depth=24,
    hidden_size=1536,
    hidden_act="silu",
    attention_bias=False,
    num_heads=12,
    in_channels=3,
    image_size=336,
    patch_size=14,
    spatial_merge_size=2,
    temporal_patch_size=2,
    out_hidden_size=4096,
    intermediate_size=13_696,
)
def glm4v_encoder(config: Config) -> Block:
    """Return GLM-4V's block; the feed-forward is as wide as the language model."""
    side = config.side("image_size") // config.side("patch_size")
    encoder = {
        "ffn_width": config.key("out_hidden_size"),
        "position_side": config.derived(side, "image_size", "patch_size"),
        "gated": True,
        "qkv_bias": config.key("attention_bias"),
        "output_bias": False,
        "mlp_bias": False,
        "norm": "rms",
        "pre_norm": True,
        "post_norm": True,
    }
    return _block(config, config.key("hidden_size"), encoder)
