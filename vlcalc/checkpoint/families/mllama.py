"""Llama 3.2 Vision: all tiles at once through one encoder, cross-attended in layers of their own.

Source: transformers models/mllama/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import decoder_shape, head_dim
from vlcalc.checkpoint.encoder_parts import patches_per_side, square
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, reads
from vlcalc.checkpoint.tiles import MAX_TILES
from vlcalc.core.errors import InputError

VISION = {
    "hidden_size": 1280,
    "hidden_act": "gelu",
    "num_hidden_layers": 32,
    "num_global_layers": 8,
    "attention_heads": 16,
    "num_channels": 3,
    "intermediate_size": 5120,
    "image_size": 448,
    "patch_size": 14,
    "max_num_tiles": 4,
    "intermediate_layers_indices": [3, 7, 15, 23, 30],
    "supported_aspect_ratios": [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]],
}
TEXT = {
    "vocab_size": 128_256,
    "hidden_size": 4096,
    "hidden_act": "silu",
    "num_hidden_layers": 40,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14_336,
    "max_position_embeddings": 131_072,
    "tie_word_embeddings": False,
    "cross_attention_layers": [3, 8, 13, 18, 23, 28, 33, 38],
}
EXTRA_WORDS = 8  # rows of the embedding that the class adds for the image token


@reads(FAMILIES, "mllama", vision_config={}, text_config={})
def mllama(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Llama 3.2 Vision."""
    vision = checkpoint.config.section("vision_config").with_defaults(VISION)
    text = checkpoint.config.section("text_config").with_defaults(TEXT)
    images = checkpoint.images("MllamaImageProcessor")
    if images.integer("max_image_tiles") > MAX_TILES:
        raise InputError(
            expected=f"at most {MAX_TILES} tiles",
            got="more",
            where=str(images.mark("max_image_tiles")),
        )
    return {
        "vision": _vision(vision),
        "tiling": {
            "kind": "grid",
            "tile_size": square_input(images)["size"],
            "chooser": {"kind": "least_upscale", "max_tiles": images.key("max_image_tiles")},
            "prefix_tokens": 1,
            "placeholders": 1,
        },
        "fusion": _inserted_layers(text),
        "language": _language(text),
    }


def _vision(vision: Config) -> Block:
    kept = vision.integers("intermediate_layers_indices")
    width = vision.integer("hidden_size") * (1 + len(kept))
    ratios = vision.items("supported_aspect_ratios")
    encoder = {
        "depth": vision.key("num_hidden_layers"),
        "width": vision.key("hidden_size"),
        "num_heads": vision.key("attention_heads", "num_attention_heads"),
        "ffn_width": vision.key("intermediate_size"),
        "patch_size": square(vision, "patch_size"),
        "in_channels": vision.key("num_channels"),
        "patch_bias": False,
        "class_token": True,
        "position_side": patches_per_side(vision),
        "activation": vision.activation("hidden_act"),
        "qkv_bias": False,
        "output_bias": False,
        "pre_norm": True,
        "tiles": {
            "max_tiles": vision.key("max_num_tiles"),
            "num_aspect_ratios": vision.derived(len(ratios), "supported_aspect_ratios"),
            "global_depth": vision.key("num_global_layers"),
        },
        "intermediate_layers": vision.key("intermediate_layers_indices"),
    }
    return {
        "name": "mllama_vision_model",
        "patch_size": square(vision, "patch_size"),
        "image_size": square(vision, "image_size"),
        "width": vision.derived(width, "hidden_size", "intermediate_layers_indices"),
        "num_prefix_tokens": 1,
        "drop_cls": False,
        "encoder": encoder,
    }


def _inserted_layers(text: Config) -> Block:
    """Return the cross-attending layers, which stand before layers of the language model's own."""
    crossing = sorted(text.integers("cross_attention_layers"))
    positions = [layer - before for before, layer in enumerate(crossing)]
    return {
        "kind": "gated_xattn_dense",
        "positions": text.derived(positions, "cross_attention_layers"),
        "num_heads": text.key("num_attention_heads"),
        "num_kv_heads": text.key("num_key_value_heads"),
        "head_dim": head_dim(text),
        "hidden_width": text.key("intermediate_size"),
        "activation": text.activation("hidden_act"),
        "gated": True,
        "norm": "rms",
        "qk_norm": "rms",
        "silence": "feed_forward",
        "project": True,
        "keep_prefix": True,
    }


def _language(text: Config) -> Block:
    """Return the language model without the layers that are counted as fusion."""
    keys = ("num_hidden_layers", "cross_attention_layers")
    own = text.integer(keys[0]) - len(text.integers(keys[1]))
    shape = {
        **decoder_shape(text),
        "depth": text.derived(own, *keys),
        "extra_embeddings": EXTRA_WORDS,
        "tied_embeddings": False,  # whatever the file says: the class has no such tie
    }
    return {
        "name": "mllama_text_model",
        "context_window": text.key("max_position_embeddings"),
        "decoder": shape,
    }
