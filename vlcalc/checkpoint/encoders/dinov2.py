"""DINOv2's vision transformer.

Source: transformers models/dinov2/modeling_dinov2.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.encoder_parts import encoder_shape, patches_per_side, vision
from vlcalc.checkpoint.readers import ENCODERS, Block, reads


@reads(
    ENCODERS,
    "dinov2",
    hidden_size=768,
    num_hidden_layers=12,
    num_attention_heads=12,
    mlp_ratio=4,
    num_channels=3,
    image_size=224,
    patch_size=14,
    hidden_act="gelu",
    qkv_bias=True,
    use_swiglu_ffn=False,
    use_mask_token=True,
)
def dinov2_encoder(config: Config) -> Block:
    """Return DINOv2's block: a class token, a mask token, scaled halves of layers."""
    gated = config.flag("use_swiglu_ffn")
    ffn_width = int(config.integer("hidden_size") * config.number("mlp_ratio"))
    if gated:  # two thirds of it, up to a multiple of 8
        ffn_width = (int(ffn_width * 2 / 3) + 7) // 8 * 8
    keys = ("hidden_size", "mlp_ratio", "use_swiglu_ffn")
    sizes = config.with_defaults({**config.defaults, "intermediate_size": ffn_width})
    encoder = {
        **encoder_shape(sizes),
        "ffn_width": config.derived(ffn_width, *keys),
        "activation": "silu" if gated else config.activation("hidden_act"),
        "gated": config.key("use_swiglu_ffn"),
        "qkv_bias": config.key("qkv_bias"),
        "class_token": True,
        "mask_token": config.key("use_mask_token"),
        "position_side": patches_per_side(config),
        "layer_scale": True,
    }
    return vision(config, encoder, num_prefix_tokens=1)
