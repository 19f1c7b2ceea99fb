"""GIT: all of CLIP's vectors, projected, in front of a small decoder.

Source: transformers models/git/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import language
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, read_encoder, reads


@reads(
    FAMILIES,
    "git",
    vision_config={},
    vocab_size=30_522,
    hidden_size=768,
    num_hidden_layers=6,
    num_attention_heads=12,
    intermediate_size=3072,
    hidden_act="gelu",
    max_position_embeddings=1024,
    tie_word_embeddings=False,
)
def git(checkpoint: Checkpoint) -> Block:
    """Return the blocks of GIT; the language model's keys stand at the top of the file."""
    config = checkpoint.config
    vision = read_encoder(config.section("vision_config", model_type="git_vision_model"))
    images = checkpoint.images("CLIPImageProcessor")
    norm = {
        "what": "layer norm behind the linear layer",
        "component": "fusion",
        "num_text_vectors": 2,
    }
    head_bias = {
        "what": "bias of the head, whose weights are the embedding's",
        "component": "language",
        "params": config.key("vocab_size"),
    }
    return {
        "vision": {**vision, "drop_cls": False},
        "tiling": {"kind": "fixed", **square_input(images), "prefix_tokens": 1},
        "fusion": {"kind": "linear", "keep_prefix": True},
        "language": _language(config),
        "extra_params": [norm, *([head_bias] if config.flag("tie_word_embeddings") else [])],
    }


def _language(config: Config) -> Block:
    """Return a BERT that predicts: its norms follow each half, and one follows the embedding.

    Their number is that of norms before each half and one at the end.
    """
    shape = {
        "depth": config.key("num_hidden_layers"),
        "width": config.key("hidden_size"),
        "num_heads": config.key("num_attention_heads"),
        "ffn_width": config.key("intermediate_size"),
        "vocab_size": config.key("vocab_size"),
        "activation": config.activation("hidden_act"),
        "gated": False,
        "qkv_bias": True,
        "output_bias": True,
        "mlp_bias": True,
        "head_bias": not config.flag("tie_word_embeddings"),
        "norm": "layer",
        "rotary_fraction": 0.0,
        "learned_positions": config.key("max_position_embeddings"),
        "tied_embeddings": config.key("tie_word_embeddings"),
    }
    return language(config, shape)
