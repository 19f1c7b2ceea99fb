"""MoonViT of Kimi-K2.5: any size of image, learned and rotated positions.

Source: transformers models/kimi_k25/modeling_kimi_k25.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.encoder_parts import encoder_shape, square
from vlcalc.checkpoint.readers import ENCODERS, Block, reads
from vlcalc.core.errors import InputError


@reads(
    ENCODERS,
    "kimi_k25_vision",
    hidden_size=1152,
    intermediate_size=4304,
    num_hidden_layers=27,
    num_attention_heads=16,
    patch_size=14,
    hidden_act="gelu_pytorch_tanh",
    pos_emb_height=64,
    pos_emb_width=64,
    merge_kernel_size=[2, 2],
)
def moonvit_encoder(config: Config) -> Block:
    """Return MoonViT's block.

    Raises:
        InputError: its table of positions is no square.
    """
    rows, columns = config.integer("pos_emb_height"), config.integer("pos_emb_width")
    if rows != columns:
        raise InputError(
            expected="a square table of positions",
            got=f"{rows} x {columns}",
            where=str(config.mark("pos_emb_height")),
        )
    encoder = {
        **encoder_shape(config.with_defaults({**config.defaults, "num_channels": 3})),
        "position_side": config.key("pos_emb_height"),
        "rotary": True,
    }
    return {
        "name": config.model_type,
        "patch_size": square(config, "patch_size"),
        "image_size": None,
        "width": config.key("hidden_size"),
        "num_prefix_tokens": 0,
        "encoder": encoder,
    }
