"""The first IDEFICS: gated layers between those of a Llama attend to the image.

Source: transformers models/idefics/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.encoder_parts import patches_per_side, square
from vlcalc.checkpoint.readers import Block, reads

VISION = {
    "embed_dim": 768,
    "image_size": 224,
    "intermediate_size": 5120,
    "patch_size": 14,
    "num_hidden_layers": 32,
    "num_attention_heads": 16,
    "num_channels": 3,
    "hidden_act": "gelu",
}
PERCEIVER = {
    "resampler_n_latents": 64,
    "resampler_depth": 6,
    "resampler_n_heads": 16,
    "resampler_head_dim": 96,
    "qk_layer_norms_perceiver": False,
}


@reads(
    FAMILIES,
    "idefics",
    vision_config={},
    perceiver_config={},
    vocab_size=32_000,
    additional_vocab_size=0,
    hidden_size=4096,
    intermediate_size=11_008,
    num_hidden_layers=32,
    num_attention_heads=32,
    hidden_act="silu",
    alpha_type="float",
    cross_layer_interval=1,
    qk_layer_norms=False,
    use_resampler=False,
    max_position_embeddings=2048,
    tie_word_embeddings=False,
)
def idefics(checkpoint: Checkpoint) -> Block:
    """Return the blocks of IDEFICS; the language model's keys stand at the top of the file."""
    config = checkpoint.config
    images = checkpoint.images("IdeficsImageProcessor")
    perceiver = config.section("perceiver_config").with_defaults(PERCEIVER)
    latents = perceiver.key("resampler_n_latents")
    resampled = config.flag("use_resampler")
    words = config.integer("additional_vocab_size", least=0)
    extra = {
        "what": "rows of the embedding and of the head for added words",
        "component": "language",
        "num_text_vectors": config.derived(2 * words, "additional_vocab_size"),
        "num_logits": config.key("additional_vocab_size"),
    }
    return {
        "vision": _vision(config.section("vision_config").with_defaults(VISION)),
        "tiling": {
            "kind": "fixed",
            "size": images.derived(images.side("image_size"), "image_size"),
            **({"tokens": latents} if resampled else {"prefix_tokens": 1}),
            "placeholders": 1,
            "extra": {"image": 2},
        },
        "fusion": {
            **_inserted_layers(config),
            **({"resampler": _resampler(perceiver)} if resampled else {}),
        },
        "language": _language(config),
        **({"extra_params": [extra]} if words else {}),
    }


def _vision(vision: Config) -> Block:
    return {
        "name": "idefics_vision",
        "patch_size": square(vision, "patch_size"),
        "image_size": square(vision, "image_size"),
        "width": vision.key("embed_dim"),
        "num_prefix_tokens": 1,
        "drop_cls": False,
        "encoder": {
            "depth": vision.key("num_hidden_layers"),
            "width": vision.key("embed_dim"),
            "num_heads": vision.key("num_attention_heads"),
            "ffn_width": vision.key("intermediate_size"),
            "patch_size": square(vision, "patch_size"),
            "in_channels": vision.key("num_channels"),
            "patch_bias": False,
            "class_token": True,
            "position_side": patches_per_side(vision),
            "activation": vision.activation("hidden_act"),
            "pre_norm": True,
        },
    }


def _inserted_layers(config: Config) -> Block:
    alphas, norms = config.string("alpha_type"), config.flag("qk_layer_norms")
    share = config.integer("hidden_size") // config.integer("num_attention_heads")
    return {
        "kind": "gated_xattn_dense",
        "every": config.key("cross_layer_interval"),
        "num_heads": config.key("num_attention_heads"),
        "head_dim": config.derived(share, "hidden_size", "num_attention_heads"),
        "hidden_width": config.key("intermediate_size"),
        "activation": config.activation("hidden_act"),
        "gated": True,
        "norm": "rms",
        "qk_norm": config.derived("rms" if norms else None, "qk_layer_norms"),
        "vector_gates": config.derived(alphas == "vector", "alpha_type"),
        "keep_prefix": True,
    }


def _resampler(perceiver: Config) -> Block:
    norms = perceiver.flag("qk_layer_norms_perceiver")
    return {
        "kind": "perceiver",
        "depth": perceiver.key("resampler_depth"),
        "num_heads": perceiver.key("resampler_n_heads"),
        "head_dim": perceiver.key("resampler_head_dim"),
        "num_latents": perceiver.key("resampler_n_latents"),
        "activation": "relu",
        "qk_norm": perceiver.derived("layer" if norms else None, "qk_layer_norms_perceiver"),
        "project": False,
        "keep_prefix": True,
    }


def _language(config: Config) -> Block:
    return {
        "name": "idefics_text",
        "context_window": config.key("max_position_embeddings"),
        "decoder": {
            "depth": config.key("num_hidden_layers"),
            "width": config.key("hidden_size"),
            "num_heads": config.key("num_attention_heads"),
            "ffn_width": config.key("intermediate_size"),
            "vocab_size": config.key("vocab_size"),
            "activation": config.activation("hidden_act"),
            "tied_embeddings": config.key("tie_word_embeddings"),
        },
    }
