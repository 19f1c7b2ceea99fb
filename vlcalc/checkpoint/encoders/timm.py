"""timm's vision transformers that checkpoints wrap: Perception Encoders.

Source: timm models/eva.py (`vit_pe_core_*`).
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.readers import ENCODERS, Block, reads
from vlcalc.core.errors import InputError

PE_CORE = {"patch_size": 14, "use_post_transformer_norm": True, "global_pool": "map"}
ARCHITECTURES: dict[str, dict[str, object]] = {
    "vit_pe_core_large_patch14_336": {
        **PE_CORE,
        "img_size": 336,
        "embed_dim": 1024,
        "depth": 24,
        "num_heads": 16,
        "mlp_ratio": 4.0,
        "class_token": True,
        "init_values": None,
    },
    "vit_pe_core_gigantic_patch14_448": {
        **PE_CORE,
        "img_size": 448,
        "embed_dim": 1536,
        "depth": 50,
        "num_heads": 16,
        "mlp_ratio": 8960 / 1536,
        "class_token": False,
        "init_values": None,
    },
}


@reads(ENCODERS, "timm_wrapper", model_args={})
def perception_encoder(config: Config) -> Block:
    """Return a Perception Encoder's block: the sizes of its name, and what stands over them.

    Raises:
        InputError: it is another architecture, or one that pools.
    """
    name = config.string("architecture")
    if name not in ARCHITECTURES:
        known = ", ".join(f"`{known}`" for known in ARCHITECTURES)
        raise InputError(
            expected=known, got=f"`{name[:60]}`", where=str(config.mark("architecture"))
        )
    arguments = config.section("model_args").with_defaults(ARCHITECTURES[name])
    if arguments.string("global_pool"):
        raise InputError(
            expected="no pooling",
            got=f"`{arguments.string('global_pool')[:40]}`",
            where=str(arguments.mark("global_pool")),
        )
    width, patch = arguments.integer("embed_dim"), arguments.side("patch_size")
    size = arguments.derived(arguments.side("img_size"), "img_size")
    has_class = arguments.flag("class_token")
    encoder = {
        "depth": arguments.key("depth"),
        "width": arguments.key("embed_dim"),
        "num_heads": arguments.key("num_heads"),
        "ffn_width": arguments.derived(
            int(width * arguments.number("mlp_ratio")), "embed_dim", "mlp_ratio"
        ),
        "patch_size": patch,
        "patch_bias": False,
        "class_token": arguments.key("class_token"),
        "position_side": arguments.derived(arguments.side("img_size") // patch, "img_size"),
        "rotary": True,
        "pre_norm": True,
        "post_norm": arguments.key("use_post_transformer_norm"),
        "layer_scale": arguments.key("init_values").value is not None,
    }
    return {
        "name": name,
        "patch_size": patch,
        "image_size": size,
        "width": arguments.key("embed_dim"),
        "num_prefix_tokens": int(has_class),
        "encoder": encoder,
    }
