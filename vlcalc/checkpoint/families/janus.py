"""Janus: a SigLIP and an MLP for reading images; what it draws with is counted apart.

Source: transformers models/janus/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.families.deepseek_vl import padded_tiling
from vlcalc.checkpoint.readers import (
    ENCODERS,
    Block,
    read_decoder,
    read_encoder,
    reader_of,
    reads,
)
from vlcalc.checkpoint.vqgan import (
    codebook_params,
    level_widths,
    tokeniser_decoder_params,
    tokeniser_encoder_params,
)

VQ = {
    "embed_dim": 8,
    "num_embeddings": 16_384,
    "double_latent": False,
    "latent_channels": 256,
    "in_channels": 3,
    "base_channels": 128,
    "channel_multiplier": [1, 1, 2, 2, 4],
    "num_res_blocks": 2,
    "out_channels": 3,
    "projection_dim": 2048,
    "num_hidden_layers": 2,
    "image_token_embed_dim": 2048,
}


@reads(
    FAMILIES,
    "janus",
    vision_config={},
    vq_config={},
    text_config={"model_type": "llama"},
    tie_word_embeddings=True,
)
def janus(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Janus."""
    config, images = checkpoint.config, checkpoint.images("JanusImageProcessor")
    text = config.section("text_config")
    section = config.section("vision_config", model_type="janus_vision_model")
    vision = section.with_defaults(reader_of(ENCODERS, section).defaults)
    drawing = {
        "what": "tokeniser, embedding, aligner and head for drawing images",
        "component": "other",
        "params": _drawing_params(config.section("vq_config").with_defaults(VQ)),
    }
    return {
        "vision": read_encoder(vision),
        "tiling": {**padded_tiling(images), "extra": {"image": 2}},
        "fusion": {
            "kind": "mlp",
            "depth": vision.key("depth"),
            "activation": vision.activation("hidden_act"),
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
        "extra_params": [drawing],
    }


def _drawing_params(vq: Config) -> int:
    last_level = {len(level_widths(vq)) - 1}
    tokeniser = tokeniser_encoder_params(vq, attention_levels=last_level, middle_attention=True)
    tokeniser += codebook_params(vq) + tokeniser_decoder_params(vq)
    codes, width = vq.integer("num_embeddings"), vq.integer("projection_dim")
    embedded = vq.integer("embed_dim")
    layers = vq.integer("num_hidden_layers") - 1
    aligner = embedded * width + width + layers * (width**2 + width)
    head = (vq.integer("image_token_embed_dim") + 1) * width + (width + 1) * codes
    return tokeniser + codes * embedded + aligner + head
