"""InternViT.

Source: transformers models/internvl/modeling_internvl.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.encoder_parts import encoder_shape, patches_per_side, vision
from vlcalc.checkpoint.readers import ENCODERS, Block, reads

NORMS = {"layer_norm": "layer", "rms_norm": "rms"}


@reads(
    ENCODERS,
    "internvl_vision",
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=24,
    num_attention_heads=16,
    num_channels=3,
    image_size=[448, 448],
    patch_size=[14, 14],
    hidden_act="gelu",
    attention_bias=False,
    use_qk_norm=False,
    norm_type="layer_norm",
    use_mask_token=False,
    use_absolute_position_embeddings=True,
    use_mean_pooling=True,
)
def internvl_encoder(config: Config) -> Block:
    """Return InternViT's block; its last norm is there only where outputs are not averaged."""
    norm = config.string("norm_type")
    positions = config.flag("use_absolute_position_embeddings")
    encoder = {
        **encoder_shape(config),
        "class_token": True,
        "mask_token": config.key("use_mask_token"),
        "position_side": patches_per_side(config) if positions else 0,
        "qkv_bias": config.key("attention_bias"),
        "qk_norm": config.derived("rms" if config.flag("use_qk_norm") else None, "use_qk_norm"),
        "norm": config.derived(NORMS.get(norm, norm), "norm_type"),
        "post_norm": config.derived(not config.flag("use_mean_pooling"), "use_mean_pooling"),
        "layer_scale": True,
    }
    return vision(config, encoder, num_prefix_tokens=1)
