"""What the configurations of many decoders say alike."""

from __future__ import annotations

from vlcalc.checkpoint.config import Config, Sourced, plain_value
from vlcalc.checkpoint.readers import Block
from vlcalc.core.errors import InputError


def language(text: Config, shape: Block) -> Block:
    """Return the `language:` block of a decoder."""
    return {
        "name": text.model_type,
        "context_window": text.key("max_position_embeddings"),
        "decoder": shape,
    }


def decoder_shape(text: Config) -> Block:
    """Return the sizes of a decoder, by the names that most classes give them."""
    return {
        "depth": text.key("num_hidden_layers"),
        "width": text.key("hidden_size"),
        "num_heads": text.key("num_attention_heads"),
        "num_kv_heads": _num_kv_heads(text),
        "head_dim": head_dim(text),
        "ffn_width": text.key("intermediate_size"),
        "vocab_size": text.key("vocab_size"),
        "activation": text.activation("hidden_activation", "hidden_act"),
        "tied_embeddings": text.key("tie_word_embeddings"),
    }


def _num_kv_heads(text: Config) -> Sourced:
    if text.optional_integer("num_key_value_heads"):
        return text.key("num_key_value_heads")
    return text.key("num_attention_heads")


def width_of(language_block: Block) -> int:
    """Return the width of a language model's block; 1 where it is none, which the spec refuses."""
    decoder = language_block.get("decoder") or language_block.get("encoder_decoder")
    width = plain_value(decoder["width"]) if isinstance(decoder, dict) else None
    return width if type(width) is int else 1


def head_dim(text: Config) -> Sourced:
    """Return the width of a head; the share of the width that a head has, where none is given."""
    if text.optional_integer("head_dim"):
        return text.key("head_dim")
    share = text.integer("hidden_size") // text.integer("num_attention_heads")
    return text.derived(share, "hidden_size", "num_attention_heads")


def windows(text: Config, layer_types: list[object] | None) -> Block:
    """Return which layers have a sliding window.

    Args:
        text: the configuration, with `sliding_window`.
        layer_types: `full_attention` or `sliding_attention` for each layer; None where all layers
            have the window, if there is one.

    Raises:
        InputError: the layers alternate in a way that a spec cannot say.
    """
    window = text.key("sliding_window")
    if layer_types is None:
        return {"sliding_window": window} if window.value is not None else {}
    full = [index for index, kind in enumerate(layer_types, 1) if kind == "full_attention"]
    if len(full) == len(layer_types):
        return {}
    every = full[0] if full else 0
    if every and full != list(range(every, len(layer_types) + 1, every)):
        raise InputError(
            expected="a full layer after every so many windowed ones",
            got="another order",
            where=f"{text.where}layer_types",
        )
    return {"sliding_window": window, "full_every": text.derived(every, "layer_types")}


def check_layer_types(text: Config) -> list[object] | None:
    """Return the kind of each layer; None where the file says none.

    Raises:
        InputError: there are not as many kinds as layers, or one is not known.
    """
    if not text.has("layer_types"):
        return None
    kinds = text.items("layer_types")
    if len(kinds) != text.integer("num_hidden_layers") or any(
        kind not in ("full_attention", "sliding_attention") for kind in kinds
    ):
        raise InputError(
            expected="`full_attention` or `sliding_attention` for each layer",
            got="something else",
            where=f"{text.where}layer_types",
        )
    return kinds


def experts_in(text: Config, with_experts: list[bool]) -> Block:
    """Return which layers have experts: from a first one on, every so many.

    Args:
        text: the configuration, for the message.
        with_experts: whether each layer has.

    Raises:
        InputError: the layers are others than a spec can say.
    """
    indices = [index for index, has in enumerate(with_experts) if has]
    first = indices[0]
    step = indices[1] - first if len(indices) > 1 else first + 1
    for every in (step, 1):
        stacked = [
            index
            for index in range(len(with_experts))
            if index >= first and (index + 1) % every == 0
        ]
        if stacked == indices:
            return {"first_dense": first, "step": every}
    raise InputError(
        expected="experts in every so many layers from a first one on",
        got="another order",
        where=f"{text.where}mlp_only_layers",
    )
