"""GLM-4.1V and GLM-4.6V: any size of image, a convolution that merges squares, a gated merger.

Source: transformers models/{glm4v,glm46v}/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.families.qwen_vl import resize_tiling, vision_section
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads


@reads(FAMILIES, "glm4v", vision_config={}, text_config={}, tie_word_embeddings=False)
@reads(
    FAMILIES,
    "glm46v",
    vision_config={},
    text_config={"model_type": "glm4v_text"},
    tie_word_embeddings=False,
)
def glm4v(checkpoint: Checkpoint) -> Block:
    """Return the blocks of GLM-4V; its bounds are of the volume of the frames in one patch."""
    vision = vision_section(checkpoint.config, "glm4v_vision")
    text = checkpoint.config.section("text_config", model_type="glm4v_text")
    images = checkpoint.images("Glm4vImageProcessor")
    return {
        "vision": read_encoder(vision),
        "tiling": {
            **resize_tiling(images),
            "temporal_patch_size": images.key("temporal_patch_size"),
        },
        "fusion": {
            "kind": "gated_merger",
            "merge_size": vision.key("spatial_merge_size"),
            "hidden_width": vision.key("intermediate_size"),
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=True)),
    }
