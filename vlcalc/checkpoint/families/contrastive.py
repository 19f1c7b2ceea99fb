"""CLIP and SigLIP: two towers, a vector each, compared at the end.

Source: transformers models/{clip,siglip}/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config, plain_value
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, read_encoder, reads
from vlcalc.core.errors import InputError

CLIP_TEXT = {
    "vocab_size": 49_408,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
}
SIGLIP_TEXT = {
    "vocab_size": 32_000,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 64,
    "hidden_act": "gelu_pytorch_tanh",
    "projection_size": None,
}


@reads(FAMILIES, "clip", vision_config={}, text_config={}, projection_dim=512)
def clip(checkpoint: Checkpoint) -> Block:
    """Return the blocks of CLIP: each tower's vector is projected to a shared width."""
    config = checkpoint.config
    text = config.section("text_config").with_defaults(CLIP_TEXT)
    vision = config.section("vision_config", model_type="clip_vision_model")
    images = checkpoint.images("CLIPImageProcessor")
    return {
        "vision": read_encoder(vision),
        "tiling": {"kind": "fixed", **square_input(images), "tokens": 1},
        "fusion": {
            "kind": "dual_projection",
            "projection_width": config.key("projection_dim"),
        },
        "language": _text_tower(text, causal=True),
    }


@reads(FAMILIES, "siglip", vision_config={}, text_config={})
def siglip(checkpoint: Checkpoint) -> Block:
    """Return the blocks of SigLIP: only the text's vector is projected, to the image's width.

    Raises:
        InputError: the text is not projected to the width of the image's vector.
    """
    config = checkpoint.config
    text = config.section("text_config").with_defaults(SIGLIP_TEXT)
    vision = read_encoder(config.section("vision_config", model_type="siglip_vision_model"))
    projected = text.optional_integer("projection_size") or text.integer("hidden_size")
    width = vision["width"]
    fusion = {
        "kind": "dual_projection",
        "projection_width": text.derived(projected, "projection_size", "hidden_size"),
        "project_vision": False,
        "bias": True,
    }
    bias = {"what": "bias of the sigmoid loss", "component": "fusion", "params": 1}
    if projected != plain_value(width):
        raise InputError(
            expected="the width of the image's vector",
            got=str(projected),
            where=str(text.mark("projection_size")),
        )
    images = checkpoint.images("SiglipImageProcessor")
    return {
        "vision": vision,
        "tiling": {"kind": "fixed", **square_input(images), "tokens": 1},
        "fusion": fusion,
        "language": _text_tower(text, causal=False),
        "extra_params": [bias],
    }


def _text_tower(text: Config, *, causal: bool) -> Block:
    return {
        "name": text.model_type or "text",
        "context_window": text.key("max_position_embeddings"),
        "text_encoder": {
            "depth": text.key("num_hidden_layers"),
            "width": text.key("hidden_size"),
            "num_heads": text.key("num_attention_heads"),
            "ffn_width": text.key("intermediate_size"),
            "vocab_size": text.key("vocab_size"),
            "num_positions": text.key("max_position_embeddings"),
            "activation": text.activation("hidden_act"),
            "causal": causal,
        },
    }
