"""BLIP, which writes captions: its text decoder attends to the patches in every layer.

Source: transformers models/blip/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, read_encoder, reads
from vlcalc.core.errors import InputError

TEXT = {
    "vocab_size": 30_524,
    "hidden_size": 768,
    "encoder_hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 512,
    "hidden_act": "gelu",
    "tie_word_embeddings": True,
}


@reads(FAMILIES, "blip", vision_config={}, text_config={}, tie_word_embeddings=True)
def blip(checkpoint: Checkpoint) -> Block:
    """Return the blocks of BLIP.

    Raises:
        InputError: the head is not the embedding.
    """
    config = checkpoint.config
    text = config.section("text_config").with_defaults(TEXT)
    if not config.flag("tie_word_embeddings"):
        raise InputError(
            expected="`true`", got="`false`", where=str(config.mark("tie_word_embeddings"))
        )
    square = square_input(checkpoint.images("BlipImageProcessor"))
    vision = read_encoder(config.section("vision_config", model_type="blip_vision_model"))
    norms = {
        "what": "layer norm behind each cross-attention",
        "component": "fusion",
        "num_text_vectors": text.derived(
            2 * text.integer("num_hidden_layers"), "num_hidden_layers"
        ),
    }
    return {
        "vision": {**vision, "drop_cls": False},
        "tiling": {"kind": "fixed", **square, "prefix_tokens": 1, "placeholders": 0},
        "fusion": {
            "kind": "cross_attention",
            "every": 1,
            "num_markers": 0,
            "num_heads": text.key("num_attention_heads"),
            "bias": True,
            "keep_prefix": True,
        },
        "language": _language(text),
        "extra_params": [norms],
    }


def _language(text: Config) -> Block:
    return {
        "name": "blip_text_model",
        "context_window": text.key("max_position_embeddings"),
        "text_encoder": {
            "depth": text.key("num_hidden_layers"),
            "width": text.key("hidden_size"),
            "num_heads": text.key("num_attention_heads"),
            "ffn_width": text.key("intermediate_size"),
            "vocab_size": text.key("vocab_size"),
            "num_positions": text.key("max_position_embeddings"),
            "activation": text.activation("hidden_act"),
            "norm_placement": "post",
            "causal": True,
            "prediction_head": True,
        },
    }
