"""BLIP-2 and InstructBLIP: queries of a Q-Former read the patches.

Source: transformers models/{blip_2,instructblip}/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads

QFORMER = {
    "vocab_size": 30_522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "cross_attention_frequency": 2,
}


@reads(
    FAMILIES,
    "blip-2",
    vision_config={},
    qformer_config={},
    text_config={"model_type": "opt"},
    num_query_tokens=32,
)
def blip2(checkpoint: Checkpoint) -> Block:
    """Return the blocks of BLIP-2."""
    return _blocks(checkpoint, "blip_2_vision_model", reads_text=False)


@reads(
    FAMILIES,
    "instructblip",
    vision_config={},
    qformer_config={},
    text_config={"model_type": "opt"},
    num_query_tokens=32,
)
def instructblip(checkpoint: Checkpoint) -> Block:
    """Return the blocks of InstructBLIP: the Q-Former reads the instruction too."""
    return _blocks(checkpoint, "instructblip_vision_model", reads_text=True)


def _blocks(checkpoint: Checkpoint, encoder: str, *, reads_text: bool) -> Block:
    config, images = checkpoint.config, checkpoint.images("BlipImageProcessor")
    qformer = config.section("qformer_config").with_defaults(QFORMER)
    queries = config.key("num_query_tokens")
    text_branch = {
        "text_branch": True,
        "vocab_size": qformer.key("vocab_size"),
        "max_positions": qformer.key("max_position_embeddings"),
    }
    return {
        "vision": {
            **read_encoder(config.section("vision_config", model_type=encoder)),
            "drop_cls": False,
        },
        "tiling": {"kind": "fixed", **square_input(images), "tokens": queries},
        "fusion": {
            "kind": "q_former",
            "width": qformer.key("hidden_size"),
            "depth": qformer.key("num_hidden_layers"),
            "num_heads": qformer.key("num_attention_heads"),
            "num_queries": queries,
            "hidden_width": qformer.key("intermediate_size"),
            "cross_attention_every": qformer.key("cross_attention_frequency"),
            **(text_branch if reads_text else {}),
        },
        "language": read_decoder(config.section("text_config")),
    }
