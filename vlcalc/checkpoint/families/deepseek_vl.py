"""DeepSeek-VL, with one encoder or with a second one for high resolution.

Source: transformers models/{deepseek_vl,deepseek_vl_hybrid}/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config, plain_integer
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads


@reads(
    FAMILIES,
    "deepseek_vl",
    vision_config={"model_type": "siglip_vision_model"},
    text_config={"model_type": "llama"},
    tie_word_embeddings=True,
)
def deepseek_vl(checkpoint: Checkpoint) -> Block:
    """Return the blocks of DeepSeek-VL with one encoder."""
    return {**_blocks(checkpoint, "DeepseekVLImageProcessor"), "fusion": {"kind": "mlp"}}


@reads(
    FAMILIES,
    "deepseek_vl_hybrid",
    vision_config={"model_type": "siglip_vision_model"},
    high_res_vision_config={"model_type": "sam_vision_model"},
    text_config={"model_type": "llama"},
    tie_word_embeddings=True,
)
def deepseek_vl_hybrid(checkpoint: Checkpoint) -> Block:
    """Return the blocks of DeepSeek-VL with a SAM beside its SigLIP."""
    high = checkpoint.config.section("high_res_vision_config")
    second = read_encoder(high)
    encoder = second["encoder"]
    assert isinstance(encoder, dict)
    width, inner = (plain_integer(value) for value in (encoder["width"], second["width"]))
    neck = {"width": second["width"], "downsample_widths": (2 * inner, 4 * inner)}
    what = "neck behind the first full layer of SAM, and a weight between the two necks"
    params = width * inner + 9 * inner**2 + 4 * inner + 1
    return {
        **_blocks(checkpoint, "DeepseekVLHybridImageProcessor"),
        "second_vision": {**second, "width": 4 * inner, "encoder": {**encoder, "neck": neck}},
        "fusion": {"kind": "hybrid_mlp", "high_res_width": 4 * inner},
        "extra_params": [{"what": what, "component": "vision", "params": params}],
    }


def _blocks(checkpoint: Checkpoint, processor: str) -> Block:
    config, images = checkpoint.config, checkpoint.images(processor)
    text = config.section("text_config")
    return {
        "vision": read_encoder(config.section("vision_config")),
        "tiling": padded_tiling(images),
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
    }


def padded_tiling(images: Config) -> Block:
    """Return the tiling of a square that images are padded to; none is thinner than some pixels."""
    square = square_input(images)
    thinnest = min(images.integer("min_size"), plain_integer(square["size"]))
    return {
        "kind": "fixed",
        **square,
        "fit": "pad",
        "min_side": images.derived(thinnest, "min_size"),
    }
