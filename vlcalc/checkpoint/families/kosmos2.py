"""KOSMOS-2: learned latents read CLIP's vectors once.

Source: transformers models/kosmos2/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, read_encoder, reads

TEXT = {
    "vocab_size": 65_037,
    "embed_dim": 2048,
    "layers": 24,
    "ffn_dim": 8192,
    "attention_heads": 32,
    "activation_function": "gelu",
    "tie_word_embeddings": True,
}


@reads(
    FAMILIES,
    "kosmos-2",
    vision_config={},
    text_config={},
    latent_query_num=64,
    tie_word_embeddings=True,
)
def kosmos2(checkpoint: Checkpoint) -> Block:
    """Return the blocks of KOSMOS-2."""
    config = checkpoint.config
    text = config.section("text_config").with_defaults(TEXT)
    vision = config.section("vision_config", model_type="kosmos_2_vision_model")
    images = checkpoint.images("CLIPImageProcessor")
    latents = config.key("latent_query_num")
    return {
        "vision": {**read_encoder(vision), "drop_cls": False},
        "tiling": {
            "kind": "fixed",
            **square_input(images),
            "tokens": latents,
            "extra": {"image": 2},
        },
        "fusion": {
            "kind": "joint_resampler",
            "num_latents": latents,
            "num_heads": text.key("attention_heads"),
            "keep_prefix": True,
        },
        "language": _language(config, text),
    }


def _language(config: Config, text: Config) -> Block:
    """Return the language model: norms inside each half too, positions that are computed."""
    shape = {
        "depth": text.key("layers"),
        "width": text.key("embed_dim"),
        "num_heads": text.key("attention_heads"),
        "ffn_width": text.key("ffn_dim"),
        "vocab_size": text.key("vocab_size"),
        "activation": text.activation("activation_function"),
        "gated": False,
        "qkv_bias": True,
        "output_bias": True,
        "mlp_bias": True,
        "norm": "layer",
        "inner_norms": True,
        "rotary_fraction": 0.0,
        "tied_embeddings": config.key("tie_word_embeddings"),
    }
    # Its positions are computed as far as a prompt goes, so the file's number is no limit.
    return {"name": "kosmos_2_text_model", "context_window": None, "decoder": shape}
