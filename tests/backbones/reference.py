"""Decoders of transformers: the same shape as a `Decoder`, as the class of its family sees it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from vlcalc.backbones.decoder import Decoder

transformers = pytest.importorskip("transformers")


class Family(NamedTuple):
    """A `model_type` of transformers, what all its models share, and what its configs want."""

    model_type: str
    fixed: Mapping[str, Any] = MappingProxyType({})
    free_head_dim: bool = True
    grouped: bool = True
    tied: bool | None = None  # None: both occur
    four_times_wide: bool = False
    keys: Callable[[Decoder], dict[str, Any]] = lambda _: {}


def plain_keys(decoder: Decoder) -> dict[str, Any]:
    return {
        "num_hidden_layers": decoder.depth,
        "hidden_size": decoder.width,
        "num_attention_heads": decoder.num_heads,
        "num_key_value_heads": decoder.num_kv_heads,
        "head_dim": decoder.head_dim,
        "intermediate_size": decoder.ffn_width,
        "vocab_size": decoder.vocab_size,
        "tie_word_embeddings": decoder.tied_embeddings,
        "pad_token_id": 0,
    }


def opt_keys(decoder: Decoder) -> dict[str, Any]:
    return {
        "ffn_dim": decoder.ffn_width,
        "word_embed_proj_dim": decoder.width,
        "max_position_embeddings": decoder.learned_positions,
    }


def mpt_keys(decoder: Decoder) -> dict[str, Any]:
    return {"d_model": decoder.width, "n_heads": decoder.num_heads, "n_layers": decoder.depth}


def no_softcap(decoder: Decoder) -> dict[str, Any]:
    return {
        "query_pre_attn_scalar": decoder.head_dim,
        "attn_logit_softcapping": None,
        "final_logit_softcapping": None,
        "layer_types": ["sliding_attention"] * decoder.depth,
    }


BIASED = {"qkv_bias": True, "output_bias": True, "mlp_bias": True, "norm": "layer", "gated": False}
GEMMA = {"activation": "gelu_tanh"}
SANDWICH = {**GEMMA, "norm_placement": "sandwich"}

FAMILIES = {
    "llama": Family("llama"),
    "llama with biases": Family(
        "llama",
        {"qkv_bias": True, "output_bias": True, "mlp_bias": True},
        keys=lambda _: {"attention_bias": True, "mlp_bias": True},
    ),
    "mistral": Family("mistral"),
    "qwen2": Family("qwen2", {"qkv_bias": True}, free_head_dim=False),
    "qwen3": Family("qwen3", {"qk_norm": "rms"}),
    "gemma": Family("gemma", GEMMA, tied=True),
    "gemma2": Family("gemma2", SANDWICH, tied=True, keys=no_softcap),
    "gemma3": Family("gemma3_text", {**SANDWICH, "qk_norm": "rms"}, tied=True, keys=no_softcap),
    "glm4": Family(
        "glm4",
        {"qkv_bias": True, "norm_placement": "sandwich", "rotary_fraction": 0.5},
        keys=lambda _: {"attention_bias": True},
    ),
    "opt": Family(
        "opt",
        {
            **BIASED,
            "activation": "relu",
            "rotary_fraction": 0,
            "learned_positions": 64,
            "position_offset": 2,
        },
        free_head_dim=False,
        grouped=False,
        keys=opt_keys,
    ),
    "phi": Family(
        "phi",
        {**BIASED, "head_bias": True, "activation": "gelu_tanh", "norm_placement": "parallel"}
        | {"rotary_fraction": 0.5},
        free_head_dim=False,
        tied=False,
        keys=lambda _: {"rope_parameters": rope(0.5)},
    ),
    "phi3": Family("phi3", free_head_dim=False, keys=lambda _: {"bos_token_id": 0}),
    "persimmon": Family(
        "persimmon",
        {**BIASED, "activation": "squared_relu", "qk_norm": "layer", "rotary_fraction": 0.5},
        free_head_dim=False,
        grouped=False,
    ),
    "cohere": Family(
        "cohere",
        {"norm": "layer_no_bias", "norm_placement": "parallel"},
        free_head_dim=False,
        tied=True,
    ),
    "mpt": Family(
        "mpt",
        {"gated": False, "norm": "layer_no_bias", "activation": "gelu", "rotary_fraction": 0},
        free_head_dim=False,
        grouped=False,
        tied=True,
        four_times_wide=True,
        keys=mpt_keys,
    ),
}


def rope(fraction: float) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": fraction}


def reference_model(decoder: Decoder, family: Family, device: str = "meta") -> nn.Module:
    """Return the family's causal language model of this shape."""
    keys = plain_keys(decoder) | {"eos_token_id": 0} | family.keys(decoder)
    if not family.grouped:
        del keys["num_key_value_heads"]
    if not family.free_head_dim:
        del keys["head_dim"]
    config = transformers.AutoConfig.for_model(family.model_type, **keys)
    with torch.device(device):
        model: nn.Module = transformers.AutoModelForCausalLM.from_config(config)
    return model.eval()


def random_decoder(family: Family, seed: int) -> Decoder:
    """Return a small shape that the family allows."""
    draw = random.Random(seed)
    kv_heads = draw.choice([1, 2, 3])
    heads = kv_heads * draw.choice([1, 2, 4])
    head_dim = 8 * draw.randint(1, 4)
    width = heads * head_dim
    if family.free_head_dim:
        width = heads * draw.randint(4, 40)
    return Decoder.model_validate(
        {
            "depth": draw.randint(1, 4),
            "width": width,
            "num_heads": heads,
            "num_kv_heads": kv_heads if family.grouped else heads,
            "head_dim": head_dim,
            "ffn_width": 4 * width if family.four_times_wide else 4 * draw.randint(2, 60),
            "vocab_size": draw.randint(50, 400),
            "tied_embeddings": draw.random() < 0.5 if family.tied is None else family.tied,
            **family.fixed,
        }
    )


# Names in transformers -> ours, in this order.
NAMES = [
    ("model.", ""),
    ("decoder.", ""),
    ("embed_tokens", "embedding"),
    ("embed_positions", "positions"),
    ("lm_head", "head"),
    ("self_attn_layer_norm", "attention_norm"),
    ("self_attn.", "attention."),
    ("q_proj", "query"),
    ("k_proj", "key"),
    ("v_proj", "value"),
    ("o_proj", "output"),
    ("out_proj", "output"),
    ("attention.dense", "attention.output"),
    ("q_norm", "query_norm"),
    ("k_norm", "key_norm"),
    ("q_layernorm", "query_norm"),
    ("k_layernorm", "key_norm"),
    ("input_layernorm", "attention_norm"),
    ("pre_feedforward_layernorm", "feed_forward_norm"),
    ("post_feedforward_layernorm", "after_feed_forward_norm"),
    ("final_layernorm", "final_norm"),
    ("final_layer_norm", "feed_forward_norm"),
    ("mlp.", "feed_forward."),
    (".fc1", ".feed_forward.up"),
    (".fc2", ".feed_forward.down"),
    ("feed_forward.feed_forward", "feed_forward"),
    ("up_proj", "up"),
    ("gate_proj", "gate"),
    ("down_proj", "down"),
]


def our_name(name: str, decoder: Decoder) -> str:
    """Return what a parameter of transformers is called here."""
    sandwich = decoder.norm_placement == "sandwich"
    after = "after_attention_norm" if sandwich else "feed_forward_norm"
    name = name.replace("post_attention_layernorm", after)
    for theirs, ours in NAMES:
        name = name.replace(theirs, ours)
    if name.startswith("feed_forward_norm"):  # OPT calls its last norm like those of its layers
        name = name.replace("feed_forward_norm", "final_norm")
    return name.replace("norm.", "final_norm.") if name.startswith("norm.") else name


def weights_of(
    real: nn.Module, decoder: Decoder, *, zero_centred: bool
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the weights of a real model under our names; Gemma keeps its norms less 1."""
    for name, value in real.named_parameters():
        renamed = our_name(name, decoder)
        plus_one = zero_centred and "norm" in renamed
        yield renamed, value + 1 if plus_one else value
