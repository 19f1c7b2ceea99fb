"""Idefics2 (latents), Idefics3 and SmolVLM (pixel shuffle).

Source: transformers models/{idefics2,idefics3,smolvlm}/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.image_sizes import size_field
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads

PERCEIVER = {
    "hidden_act": "silu",
    "resampler_n_latents": 64,
    "resampler_depth": 3,
    "resampler_n_heads": 16,
    "resampler_head_dim": 96,
    "num_key_value_heads": 4,
}
PLAIN_TAGS = "the tags are plain text here; each is counted as one token, a lower bound"


@reads(
    FAMILIES,
    "idefics2",
    vision_config={},
    perceiver_config={},
    text_config={"model_type": "mistral", "max_position_embeddings": 32_768},
    tie_word_embeddings=False,
)
def idefics2(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Idefics2: the image, or its quarters beside it, each to latents.

    The class sets the width of the latents to that of the language model, whatever a file says.
    """
    config, images = checkpoint.config, checkpoint.images("Idefics2ImageProcessor")
    text = config.section("text_config")
    vision = config.section("vision_config", model_type="idefics2_vision")
    perceiver = config.section("perceiver_config").with_defaults(PERCEIVER)
    language = read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False))
    decoder = language["decoder"]
    assert isinstance(decoder, dict)
    return {
        "vision": read_encoder(vision),
        "tiling": {
            "kind": "parts",
            "quarters": images.key("do_image_splitting"),
            "longest_side": size_field(images, "longest_edge"),
            "shortest_side": size_field(images, "shortest_edge"),
            "enlarge": False,
            "tokens_per_part": perceiver.key("resampler_n_latents"),
            "extra": {"image": 1, "view": 1},
        },
        "fusion": {
            "kind": "idefics2_connector",
            "hidden_width": decoder["ffn_width"],
            "depth": perceiver.key("resampler_depth"),
            "num_heads": perceiver.key("resampler_n_heads"),
            "head_dim": perceiver.key("resampler_head_dim"),
            "num_kv_heads": perceiver.key("num_key_value_heads"),
            "num_latents": perceiver.key("resampler_n_latents"),
            "activation": perceiver.activation("hidden_act"),
        },
        "language": language,
    }


@reads(
    FAMILIES,
    "idefics3",
    vision_config={},
    text_config={"model_type": "llama"},
    scale_factor=2,
    tie_word_embeddings=False,
)
def idefics3(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Idefics3."""
    return _pixel_shuffled(checkpoint, "Idefics3ImageProcessor", "idefics3_vision")


@reads(
    FAMILIES,
    "smolvlm",
    vision_config={},
    text_config={"model_type": "llama"},
    scale_factor=2,
    tie_word_embeddings=False,
)
def smolvlm(checkpoint: Checkpoint) -> Block:
    """Return the blocks of SmolVLM."""
    return _pixel_shuffled(checkpoint, "SmolVLMImageProcessor", "smolvlm_vision")


def _pixel_shuffled(checkpoint: Checkpoint, processor: str, encoder: str) -> Block:
    config, images = checkpoint.config, checkpoint.images(processor)
    text = config.section("text_config")
    factor = config.key("scale_factor")
    return {
        "vision": read_encoder(config.section("vision_config", model_type=encoder)),
        "tiling": {
            "kind": "grid",
            "tile_size": size_field(images, "longest_edge", key="max_image_size"),
            "chooser": _chooser(images),
            "merge_size": factor,
            "thumbnail": "if_split",
            "extra": _extra(checkpoint),
        },
        "fusion": {
            "kind": "pixel_shuffle",
            "factor": factor,
            "depth": 1,
            "input_norm": None,
            "bias": False,
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
    }


def _chooser(images: Config) -> Block:
    if not images.flag("do_image_splitting"):
        return {"kind": "single"}
    return {"kind": "long_edge", "longest_edge": size_field(images, "longest_edge")}


def _extra(checkpoint: Checkpoint) -> Block:
    """Return the tokens around an image: tags of its tiles, line breaks, start and end."""
    extra: Block = {"image": 1, "tile": 2, "tile_row": 1, "thumbnail": 2, "single": 2}
    if checkpoint.has_token("<row_1_col_1>") is False:
        extra["tokenizer_dependent"] = PLAIN_TAGS
    return extra
