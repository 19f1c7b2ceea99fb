"""The SigLIP of Janus.

Source: transformers models/janus/modeling_janus.py::JanusVisionModel.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.encoder_parts import encoder_shape, patches_per_side, vision
from vlcalc.checkpoint.readers import ENCODERS, Block, reads


@reads(
    ENCODERS,
    "janus_vision_model",
    hidden_size=1024,
    num_hidden_layers=24,
    num_attention_heads=16,
    num_channels=3,
    image_size=384,
    patch_size=16,
    hidden_act="gelu",
    mlp_ratio=4.0,
    attention_bias=True,
    use_qk_norm=False,
    depth=2,
)
def janus_encoder(config: Config) -> Block:
    """Return the block of Janus' encoder; its `depth` is that of the projector."""
    ffn_width = int(config.integer("hidden_size") * config.number("mlp_ratio"))
    sizes = config.with_defaults({**config.defaults, "intermediate_size": ffn_width})
    norms = config.flag("use_qk_norm")
    encoder = {
        **encoder_shape(sizes),
        "ffn_width": config.derived(ffn_width, "hidden_size", "mlp_ratio"),
        "position_side": patches_per_side(config),
        "qkv_bias": config.key("attention_bias"),
        "qk_norm": config.derived("layer" if norms else None, "use_qk_norm"),
    }
    return vision(config, encoder)
