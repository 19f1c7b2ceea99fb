"""InternVL: tiles of the closest aspect ratio, pixel shuffle, an MLP.

Source: transformers models/internvl/; models/got_ocr2/image_processing_got_ocr2.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import plain_value
from vlcalc.checkpoint.encoder_parts import with_features
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads
from vlcalc.checkpoint.tiles import counted_tiles


@reads(
    FAMILIES,
    "internvl",
    vision_config={"model_type": "internvl_vision"},
    text_config={"model_type": "qwen2"},
    downsample_ratio=0.5,
    projector_hidden_act="gelu",
    vision_feature_layer=-1,
    vision_feature_select_strategy="default",
    tie_word_embeddings=True,
)
def internvl(checkpoint: Checkpoint) -> Block:
    """Return the blocks of InternVL."""
    config = checkpoint.config
    text, vision = config.section("text_config"), config.section("vision_config")
    encoder = with_features(read_encoder(vision), config, "vision_feature_layer")
    factor = config.derived(int(1 / config.number("downsample_ratio")), "downsample_ratio")
    images = checkpoint.images("GotOcr2ImageProcessor", crop_to_patches=True)
    frame = {"kind": "fixed", **square_input(images), "merge_size": factor}
    return {
        "vision": {**encoder, "drop_cls": True},
        "tiling": {
            "kind": "grid",
            **counted_tiles(images, "closest_ratio"),
            "merge_size": factor,
            "thumbnail": "if_split",
            "extra": {"image": 2},
        },
        "video": {
            "kind": "frames",
            "frame": {
                **frame,
                "extra": {
                    "image": 2,
                    "tokenizer_dependent": "the text `Frame i:` before every frame is not counted",
                },
            },
        },
        "fusion": {
            "kind": "pixel_shuffle",
            "factor": factor,
            "activation": config.activation("projector_hidden_act"),
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
        **_last_norm(encoder),
    }


def _last_norm(encoder: Block) -> Block:
    """Return the biases of the last norm: it is a LayerNorm where the others are RMSNorms."""
    shape = encoder["encoder"]
    assert isinstance(shape, dict)
    if plain_value(shape["norm"]) != "rms" or not plain_value(shape["post_norm"]):
        return {}
    what = "biases of the encoder's last norm, a LayerNorm"
    return {"extra_params": [{"what": what, "component": "vision", "params": shape["width"]}]}
