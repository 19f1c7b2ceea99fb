"""SAM's vision transformer: windows, learned offsets, a neck of convolutions.

Source: transformers models/sam/modeling_sam.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.encoder_parts import encoder_shape, patches_per_side, vision
from vlcalc.checkpoint.readers import ENCODERS, Block, reads


@reads(
    ENCODERS,
    "sam_vision_model",
    hidden_size=768,
    output_channels=256,
    num_hidden_layers=12,
    num_attention_heads=12,
    num_channels=3,
    image_size=1024,
    patch_size=16,
    hidden_act="gelu",
    qkv_bias=True,
    mlp_ratio=4.0,
    mlp_dim=None,
    use_abs_pos=True,
    use_rel_pos=True,
    window_size=14,
    global_attn_indexes=[2, 5, 8, 11],
)
def sam_encoder(config: Config) -> Block:
    """Return SAM's block; what leaves it is as wide as its neck."""
    ffn_width = int(config.integer("hidden_size") * config.number("mlp_ratio"))
    if config.optional_integer("mlp_dim"):
        ffn_width = config.integer("mlp_dim")
    sizes = config.with_defaults({**config.defaults, "intermediate_size": ffn_width})
    encoder = {
        **encoder_shape(sizes),
        "ffn_width": config.derived(ffn_width, "mlp_dim", "mlp_ratio"),
        "qkv_bias": config.key("qkv_bias"),
        "position_side": patches_per_side(config) if config.flag("use_abs_pos") else 0,
        "post_norm": False,
        "window": {
            "size": config.key("window_size"),
            "full_layers": config.key("global_attn_indexes"),
            "padded": True,
        },
        "relative_positions": config.key("use_rel_pos"),
        "neck": {"width": config.key("output_channels")},
    }
    return {**vision(config, encoder), "width": config.key("output_channels")}
