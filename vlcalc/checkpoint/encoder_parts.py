"""What the configurations of many vision transformers say alike."""

from __future__ import annotations

from vlcalc.checkpoint.config import Config, Sourced, plain_integer
from vlcalc.checkpoint.readers import Block
from vlcalc.core.errors import InputError


def vision(config: Config, encoder: Block, *, num_prefix_tokens: int = 0) -> Block:
    """Return the `vision:` block of an encoder that sees one square.

    Args:
        config: its configuration.
        encoder: its shape.
        num_prefix_tokens: class and register tokens beside the patches.
    """
    return {
        "name": config.model_type,
        "patch_size": square(config, "patch_size"),
        "image_size": square(config, "image_size"),
        "width": config.key("hidden_size"),
        "num_prefix_tokens": num_prefix_tokens,
        "encoder": encoder,
    }


def encoder_shape(config: Config) -> Block:
    """Return the sizes of a vision transformer, by the names that most classes give them."""
    return {
        "depth": config.key("num_hidden_layers"),
        "width": config.key("hidden_size"),
        "num_heads": config.key("num_attention_heads"),
        "ffn_width": config.key("intermediate_size"),
        "patch_size": square(config, "patch_size"),
        "in_channels": config.key("num_channels"),
        "activation": config.activation("hidden_act"),
    }


def square(config: Config, name: str) -> Sourced:
    """Return the side of a square, however it is spelled."""
    return config.derived(config.side(name), name)


def patches_per_side(config: Config) -> Sourced:
    """Return the whole patches along a side of the encoder's square."""
    count = config.side("image_size") // config.side("patch_size")
    return config.derived(count, "image_size", "patch_size")


def with_features(vision_block: Block, config: Config, name: str) -> Block:
    """Return an encoder's block with the layers whose outputs are used, put beside each other.

    Args:
        vision_block: the block.
        config: the configuration that has the key.
        name: the key: one index of the hidden states, of which the first is the input of the first
            layer, or several; counted from the end where negative.

    Raises:
        InputError: a layer is not there, or the input of the first layer is one of several.
    """
    encoder = vision_block["encoder"]
    assert isinstance(encoder, dict)
    depth, width = (plain_integer(encoder[key]) for key in ("depth", "width"))
    layers = config.items(name)
    if not layers or not all(type(layer) is int and -depth <= layer <= depth for layer in layers):
        raise InputError(
            expected=f"layers from {-depth} to {depth}",
            got="another value",
            where=str(config.mark(name)),
        )
    # Of the outputs, 1 is that of the first layer; the deepest is the main one, order is free.
    outputs = sorted(layer % (depth + 1) for layer in layers if isinstance(layer, int))
    *others, main = outputs
    if len(outputs) > 1 and not outputs[0]:
        raise InputError(
            expected="outputs of layers", got="the input of the first", where=str(config.mark(name))
        )
    block = {**vision_block, "feature_layer": config.derived(main - depth - 1, name)}
    if others:
        inner = config.derived([output - 1 for output in others], name)
        block["encoder"] = {**encoder, "intermediate_layers": inner}
        block["width"] = config.derived(width * len(outputs), name)
    return block
