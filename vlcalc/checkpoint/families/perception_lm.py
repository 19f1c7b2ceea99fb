"""PerceptionLM and FastVLM: encoders of timm, an MLP, and averages of squares in the former.

Source: transformers models/{perception_lm,fast_vlm}/; timm models/{eva,fastvit}.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config, Sourced, plain_integer
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads
from vlcalc.checkpoint.tiles import MAX_TILES
from vlcalc.core.errors import InputError

# Parameters of timm's FastViT in its form for inference, without the head that sorts images.
FASTVIT_PARAMS = {"fastvit_mci3": 122_714_208}


@reads(
    FAMILIES,
    "perception_lm",
    vision_config={},
    text_config={"model_type": "llama"},
    vision_use_cls_token=True,
    projector_pooling_ratio=1,
    tie_word_embeddings=False,
)
def perception_lm(checkpoint: Checkpoint) -> Block:
    """Return the blocks of PerceptionLM."""
    config = checkpoint.config
    text = config.section("text_config")
    says_tied = config.has("tie_word_embeddings")
    images = checkpoint.images("PerceptionLMImageProcessor")
    vision = read_encoder(config.section("vision_config", model_type="timm_wrapper"))
    pool = config.key("projector_pooling_ratio")
    side = images.integer("tile_size") // plain_integer(vision["patch_size"])
    pooled = config.derived(side // plain_integer(pool), "projector_pooling_ratio")
    fusion: Block = {"kind": "mlp"}
    if pool.value != 1:
        fusion = {
            "kind": "pooled_projector",
            "pool": "adaptive",
            "pooled_columns": pooled,
            "pooled_rows": pooled,
            "pool_first": False,
        }
    return {
        "vision": {**vision, "drop_cls": config.key("vision_use_cls_token")},
        "tiling": _tiling(images, pool),
        "fusion": fusion,
        "language": read_decoder(
            text, tied_embeddings=checkpoint.tied(text, text_counts=not says_tied)
        ),
    }


def _tiling(images: Config, pool: Sourced) -> Block:
    """Return tiles and the whole image, or the whole image alone (`vanilla`)."""
    tiles = images.integer("max_num_tiles")
    if tiles > MAX_TILES:
        raise InputError(
            expected=f"at most {MAX_TILES} tiles",
            got="more",
            where=str(images.mark("max_num_tiles")),
        )
    tile = images.key("tile_size")
    if images.string("vision_input_type") != "thumb+tile":
        return {"kind": "fixed", "size": tile, "merge_size": pool}
    return {
        "kind": "grid",
        "tile_size": tile,
        "chooser": {"kind": "largest_canvas", "max_tiles": images.key("max_num_tiles")},
        "merge_size": pool,
        "thumbnail": "always",
    }


@reads(
    FAMILIES,
    "fast_vlm",
    vision_config={"architecture": "fastvit_mci3", "hidden_size": 3072},
    text_config={"model_type": "qwen2"},
    projector_hidden_act="gelu",
    multimodal_projector_bias=True,
    tie_word_embeddings=False,
)
def fast_vlm(checkpoint: Checkpoint) -> Block:
    """Return the blocks of FastVLM; of its encoder only the size is known.

    Raises:
        InputError: the encoder is another one.
    """
    config = checkpoint.config
    text = config.section("text_config")
    vision = config.section("vision_config").with_defaults(
        {"architecture": "fastvit_mci3", "hidden_size": 3072}
    )
    name = vision.string("architecture")
    if name not in FASTVIT_PARAMS:
        known = ", ".join(f"`{known}`" for known in FASTVIT_PARAMS)
        raise InputError(
            expected=known, got=f"`{name[:60]}`", where=str(vision.mark("architecture"))
        )
    processor = checkpoint.processor
    patch = processor.key("patch_size") if processor.has("patch_size") else 64
    return {
        "vision": {
            "name": name,
            "patch_size": patch,
            "width": vision.key("hidden_size"),
            "num_prefix_tokens": 0,
            "opaque": {
                "params": FASTVIT_PARAMS[name],
                "exact": True,
                "sources": ("timm models/fastvit.py",),
            },
        },
        "tiling": {"kind": "fixed", **square_input(checkpoint.images("CLIPImageProcessor"))},
        "fusion": {
            "kind": "mlp",
            "activation": config.activation("projector_hidden_act"),
            "bias": config.key("multimodal_projector_bias"),
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=True)),
    }
