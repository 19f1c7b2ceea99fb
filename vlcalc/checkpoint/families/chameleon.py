"""Chameleon: an image is so many words of the language model's own vocabulary.

Source: transformers models/chameleon/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import decoder_shape, language
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, reads
from vlcalc.checkpoint.vqgan import codebook_params, level_widths, tokeniser_encoder_params

VQ = {
    "embed_dim": 256,
    "num_embeddings": 8192,
    "double_latent": False,
    "latent_channels": 256,
    "resolution": 512,
    "in_channels": 3,
    "base_channels": 128,
    "channel_multiplier": [1, 1, 2, 2, 4],
    "num_res_blocks": 2,
    "attn_resolutions": None,
    "attn_type": "vanilla",
}


@reads(
    FAMILIES,
    "chameleon",
    vq_config={},
    vocab_size=65_536,
    hidden_size=4096,
    intermediate_size=11_008,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
    hidden_act="silu",
    max_position_embeddings=4096,
    tie_word_embeddings=False,
    attention_bias=False,
    mlp_bias=False,
)
def chameleon(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Chameleon; the language model's keys stand at the top of the file."""
    config = checkpoint.config
    vq = config.section("vq_config").with_defaults(VQ)
    square = square_input(checkpoint.images("ChameleonImageProcessor"))
    return {
        "vision": _tokeniser(vq),
        "tiling": {"kind": "fixed", **square, "extra": {"image": 2}},
        "fusion": {
            "kind": "discrete_tokens",
            "num_codes": vq.key("num_embeddings"),
            "quantize": False,
            "own_embedding": False,
        },
        "language": _language(config),
    }


def _tokeniser(vq: Config) -> Block:
    vanilla = vq.string("attn_type") == "vanilla"
    resolutions = set(vq.integers("attn_resolutions"))
    levels = range(len(level_widths(vq)))
    side = vq.integer("resolution")
    with_attention = {level for level in levels if vanilla and side // 2**level in resolutions}
    params = tokeniser_encoder_params(vq, attention_levels=with_attention, middle_attention=vanilla)
    source = "transformers models/chameleon/modeling_chameleon.py::ChameleonVQVAE"
    return {
        "name": "chameleon_vqgan",
        "patch_size": vq.derived(2 ** min(levels[-1], 20), "channel_multiplier"),
        "image_size": vq.key("resolution"),
        "opaque": {"params": params + codebook_params(vq), "exact": True, "sources": (source,)},
    }


def _language(config: Config) -> Block:
    """Return the language model; each head has weights of its own in its norm."""
    shape = {
        **decoder_shape(config),
        "qkv_bias": config.key("attention_bias"),
        "output_bias": config.key("attention_bias"),
        "mlp_bias": config.key("mlp_bias"),
        "qk_norm": "layer",
        "own_qk_norms": True,
    }
    return language(config, shape)
