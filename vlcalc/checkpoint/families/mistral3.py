"""Mistral Small 3.1 and its successors: Pixtral's encoder, squares of patches merged before an MLP.

Source: transformers models/mistral3/modeling_mistral3.py; models/pixtral/processing_pixtral.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.encoder_parts import with_features
from vlcalc.checkpoint.families.llava import fit_tiling
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads


@reads(
    FAMILIES,
    "mistral3",
    vision_config={
        "model_type": "pixtral",
        "intermediate_size": 4096,
        "hidden_size": 1024,
        "patch_size": 14,
        "image_size": 1540,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
    },
    text_config={
        "model_type": "mistral",
        "hidden_size": 5120,
        "head_dim": 128,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "num_hidden_layers": 40,
        "intermediate_size": 32_768,
        "max_position_embeddings": 131_072,
        "vocab_size": 131_072,
        "sliding_window": None,
    },
    projector_hidden_act="gelu",
    multimodal_projector_bias=False,
    vision_feature_layer=-1,
    spatial_merge_size=2,
    tie_word_embeddings=True,
)
def mistral3(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Mistral Small 3.1."""
    config = checkpoint.config
    text, vision = config.section("text_config"), read_encoder(config.section("vision_config"))
    merge_size = config.key("spatial_merge_size")
    return {
        "vision": with_features(vision, config, "vision_feature_layer"),
        "tiling": fit_tiling(checkpoint, merge_size=merge_size),
        "fusion": {
            "kind": "merging_projector",
            "merge_size": merge_size,
            "activation": config.activation("projector_hidden_act"),
            "bias": config.key("multimodal_projector_bias"),
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
    }
