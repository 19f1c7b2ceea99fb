"""Aria: queries read the patches, experts in every layer of the language model.

Source: transformers models/aria/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config, plain_integer
from vlcalc.checkpoint.encoder_parts import with_features
from vlcalc.checkpoint.families.llava_next import MAX_CANVASES
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads
from vlcalc.core.errors import InputError


@reads(
    FAMILIES,
    "aria",
    vision_config={"model_type": "idefics3_vision"},
    text_config={},
    projector_patch_to_query_dict={"1225": 128, "4900": 256},
    vision_feature_layer=-1,
    tie_word_embeddings=False,
)
def aria(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Aria."""
    config = checkpoint.config
    images = checkpoint.images("AriaImageProcessor", max_image_size=980, split_image=False)
    text = config.section("text_config", model_type="aria_text")
    vision = read_encoder(config.section("vision_config"))
    encoder = vision["encoder"]
    assert isinstance(encoder, dict)
    queries = _queries(config)
    language = read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False))
    used = _used_queries(checkpoint, images, plain_integer(vision["patch_size"]), queries)
    return {
        "vision": with_features(vision, config, "vision_feature_layer"),
        "tiling": _tiling(images, used),
        "fusion": {
            "kind": "aria_projector",
            "num_queries": config.derived(max(queries.values()), "projector_patch_to_query_dict"),
            "used_queries": used,
            "num_heads": encoder["num_heads"],
        },
        "language": language,
        **_expert_biases(text, language),
    }


def _expert_biases(text: Config, language: Block) -> Block:
    """Return the biases of the shared experts, which no other mixture has."""
    decoder = language["decoder"]
    assert isinstance(decoder, dict)
    if not (text.has("mlp_bias") and text.flag("mlp_bias")):
        return {}
    depth, width = (plain_integer(decoder[key]) for key in ("depth", "width"))
    shared = plain_integer(decoder["experts"]["shared_width"])
    params = depth * (2 * shared + width)
    what = "biases of the shared experts"
    return {"extra_params": [{"what": what, "component": "language", "params": params}]}


def _queries(config: Config) -> dict[int, int]:
    """Return how many queries read so many patches.

    Raises:
        InputError: the file says something else.
    """
    name = "projector_patch_to_query_dict"
    value, mark = config.key(name)
    pairs = value.items() if isinstance(value, dict) else ()
    queries = {
        int(patches): number
        for patches, number in pairs
        if str(patches).isascii() and str(patches).isdigit() and len(str(patches)) < 10
        if type(number) is int and 0 < number < 10**6
    }
    if not queries or len(queries) < len(pairs):
        raise InputError(
            expected="numbers of patches, each with a number of queries",
            got="something else",
            where=str(mark),
        )
    return queries


def _used_queries(
    checkpoint: Checkpoint, images: Config, patch: int, queries: dict[int, int]
) -> int:
    """Return how many queries read one image or one part of it."""
    side = images.integer("max_image_size") // patch
    if side**2 not in queries:
        raise InputError(
            expected=f"queries for {side**2} patches ({side} x {side})",
            got="none",
            where=str(checkpoint.config.mark("projector_patch_to_query_dict")),
        )
    return queries[side**2]


def _tiling(images: Config, tokens: int) -> Block:
    longest, shortest = images.key("max_image_size"), images.key("min_image_size")
    if not images.flag("split_image"):
        return {
            "kind": "fixed",
            "size": longest,
            "fit": "pad",
            "min_side": shortest,
            "mask_padding": True,
            "tokens": tokens,
            "extra": {"image": 2},
        }
    name = "split_resolutions"
    canvases = images.items(name)
    if len(canvases) > MAX_CANVASES:
        raise InputError(
            expected=f"at most {MAX_CANVASES} canvases", got="more", where=str(images.mark(name))
        )
    return {
        "kind": "parts",
        "longest_side": longest,
        "shortest_side": shortest,
        "enlarge": True,
        "tokens_per_part": tokens,
        "chooser": {
            "kind": "pinpoint",
            "order": "height_width",
            "canvases": images.key(name),
        },
        "extra": {"image": 2},
    }
