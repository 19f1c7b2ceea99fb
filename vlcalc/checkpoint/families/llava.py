"""LLaVA, ViP-LLaVA and Pixtral, which is saved as LLaVA: an encoder, an MLP, any language model.

Source: transformers models/{llava,vipllava}/; models/pixtral/processing_pixtral.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Sourced, plain_integer, plain_value
from vlcalc.checkpoint.encoder_parts import with_features
from vlcalc.checkpoint.image_sizes import size_field, square_input
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads

CLIP_L_336 = {
    "model_type": "clip_vision_model",
    "intermediate_size": 4096,
    "hidden_size": 1024,
    "patch_size": 14,
    "image_size": 336,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
}


@reads(
    FAMILIES,
    "llava",
    vision_config=CLIP_L_336,
    text_config={"model_type": "llama"},
    projector_hidden_act="gelu",
    multimodal_projector_bias=True,
    vision_feature_layer=-2,
    vision_feature_select_strategy="default",
    tie_word_embeddings=False,
)
def llava(checkpoint: Checkpoint) -> Block:
    """Return the blocks of LLaVA, or of Pixtral where the encoder is its."""
    config = checkpoint.config
    vision, text = config.section("vision_config"), config.section("text_config")
    encoder = {
        **with_features(read_encoder(vision), config, "vision_feature_layer"),
        "drop_cls": drops_first(checkpoint),
    }
    pixtral = vision.model_type == "pixtral"
    return {
        "vision": encoder,
        "tiling": fit_tiling(checkpoint, merge_size=1)
        if pixtral
        else fixed_tiling(checkpoint, encoder),
        "fusion": {
            "kind": "mlp",
            "activation": config.activation("projector_hidden_act"),
            "bias": config.key("multimodal_projector_bias"),
            "keep_prefix": not plain_value(encoder["drop_cls"]),
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=True)),
    }


@reads(
    FAMILIES,
    "vipllava",
    vision_config=CLIP_L_336,
    text_config={"model_type": "llama"},
    projector_hidden_act="gelu",
    vision_feature_layer=[-2, -5, -8, -11, 6],
    tie_word_embeddings=False,
)
def vipllava(checkpoint: Checkpoint) -> Block:
    """Return the blocks of ViP-LLaVA: outputs of several layers, a norm before the MLP."""
    config = checkpoint.config
    name = (
        "vision_feature_layers" if config.has("vision_feature_layers") else "vision_feature_layer"
    )
    text = config.section("text_config")
    vision = with_features(read_encoder(config.section("vision_config")), config, name)
    encoder = {**vision, "drop_cls": True}
    return {
        "vision": encoder,
        "tiling": fixed_tiling(checkpoint, encoder),
        "fusion": {
            "kind": "mlp",
            "activation": config.activation("projector_hidden_act"),
            "input_norm": "layer",
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
    }


def drops_first(checkpoint: Checkpoint) -> Sourced:
    """Return whether the first vector of the encoder, its class token if any, is left out."""
    name = "vision_feature_select_strategy"
    processor = checkpoint.processor
    config = processor if processor.has(name) else checkpoint.config
    return config.derived(config.string(name) == "default", name)


def fixed_tiling(checkpoint: Checkpoint, vision: Block) -> Block:
    """Return the tiling of one square; the first vector is dropped, or the class token kept."""
    square = square_input(checkpoint.images("CLIPImageProcessor"))
    kept = plain_integer(vision["num_prefix_tokens"]) - bool(plain_value(vision["drop_cls"]))
    if kept >= 0:
        return {"kind": "fixed", **square, "prefix_tokens": kept}
    side = plain_integer(square["size"]) // plain_integer(vision["patch_size"])
    return {"kind": "fixed", **square, "tokens": side**2 + kept}


def fit_tiling(checkpoint: Checkpoint, *, merge_size: object) -> Block:
    """Return Pixtral's tiling: the image keeps its shape; a row ends with a token of its own."""
    images = checkpoint.images("PixtralImageProcessor")
    return {
        "kind": "fit",
        "merge_size": merge_size,
        "max_side": size_field(images, "longest_edge"),
        "extra": {"token_row": 1},
    }
