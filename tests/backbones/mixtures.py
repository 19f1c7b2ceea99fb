"""Decoders with experts or latent attention, as the classes of transformers see them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tests.backbones.reference import our_name, plain_keys, transformers
from vlcalc.backbones.decoder import Decoder

Draw = random.Random


class Mixture(NamedTuple):
    """A `model_type`, what its models add to a plain decoder, and what its configs want for it."""

    model_type: str
    fields: Callable[[Draw], dict[str, Any]]
    keys: Callable[[Decoder], dict[str, Any]]


def experts_of(decoder: Decoder) -> Any:
    assert decoder.experts is not None
    return decoder.experts


def some_experts(draw: Draw, **fixed: Any) -> dict[str, Any]:
    num_experts = draw.randint(2, 9)
    drawn = {"num_experts": num_experts, "num_active": draw.randint(1, num_experts)}
    return {**drawn, "ffn_width": 4 * draw.randint(1, 20), **fixed}


def mixtral_fields(draw: Draw) -> dict[str, Any]:
    return {"experts": some_experts(draw)}


def mixtral_keys(decoder: Decoder) -> dict[str, Any]:
    experts = experts_of(decoder)
    return {
        "intermediate_size": experts.ffn_width,
        "num_local_experts": experts.num_experts,
        "num_experts_per_tok": experts.num_active,
        "sliding_window": None,
    }


def qwen2_fields(draw: Draw) -> dict[str, Any]:
    shared = {"shared_width": 4 * draw.randint(1, 20), "shared_gate": True}
    where = {"step": draw.randint(1, 2), "first_dense": draw.randint(0, 2)}
    return {"qkv_bias": True, "experts": some_experts(draw, **shared, **where)}


def qwen2_keys(decoder: Decoder) -> dict[str, Any]:
    shared = {"shared_expert_intermediate_size": experts_of(decoder).shared_width}
    return {**qwen3_keys(decoder), **shared, "qkv_bias": True}


def qwen3_fields(draw: Draw) -> dict[str, Any]:
    where = {"step": draw.randint(1, 2), "first_dense": draw.randint(0, 2)}
    return {"qk_norm": "rms", "experts": some_experts(draw, **where)}


def qwen3_keys(decoder: Decoder) -> dict[str, Any]:
    experts = experts_of(decoder)
    return {
        "moe_intermediate_size": experts.ffn_width,
        "num_experts": experts.num_experts,
        "num_experts_per_tok": experts.num_active,
        "decoder_sparse_step": experts.step,
        "mlp_only_layers": list(range(experts.first_dense)),
        "norm_topk_prob": True,
    }


def deepseek_fields(draw: Draw) -> dict[str, Any]:
    experts = some_experts(draw, first_dense=draw.randint(0, 2))
    latent = {
        "query_rank": draw.choice([0, 4 * draw.randint(1, 12)]),
        "kv_rank": 4 * draw.randint(1, 12),
        "content_dim": 4 * draw.randint(1, 6),
        "rotary_dim": 2 * draw.randint(1, 6),
        "value_dim": 4 * draw.randint(1, 6),
    }
    experts["shared_width"] = experts["ffn_width"] * draw.randint(1, 3)
    return {"latent_attention": latent, "experts": experts}


def deepseek_keys(decoder: Decoder) -> dict[str, Any]:
    latent, experts = decoder.latent_attention, experts_of(decoder)
    assert latent is not None
    return {
        "num_key_value_heads": decoder.num_heads,
        "head_dim": latent.rotary_dim,
        "q_lora_rank": latent.query_rank or None,
        "kv_lora_rank": latent.kv_rank,
        "qk_nope_head_dim": latent.content_dim,
        "qk_rope_head_dim": latent.rotary_dim,
        "v_head_dim": latent.value_dim,
        "moe_intermediate_size": experts.ffn_width,
        "n_routed_experts": experts.num_experts,
        "num_experts_per_tok": experts.num_active,
        "n_shared_experts": experts.shared_width // experts.ffn_width,
        "first_k_dense_replace": experts.first_dense,
        "n_group": 1,
        "topk_group": 1,
    }


def llama4_fields(draw: Draw) -> dict[str, Any]:
    experts = some_experts(draw, step=draw.randint(1, 2))
    return {"experts": {**experts, "shared_width": experts["ffn_width"]}}


def llama4_keys(decoder: Decoder) -> dict[str, Any]:
    experts = experts_of(decoder)
    return {
        "intermediate_size": experts.ffn_width,
        "intermediate_size_mlp": decoder.ffn_width,
        "num_local_experts": experts.num_experts,
        "num_experts_per_tok": experts.num_active,
        "interleave_moe_layer_step": experts.step,
    }


MIXTURES = {
    "mixtral": Mixture("mixtral", mixtral_fields, mixtral_keys),
    "qwen2-moe": Mixture("qwen2_moe", qwen2_fields, qwen2_keys),
    "qwen3-moe": Mixture("qwen3_moe", qwen3_fields, qwen3_keys),
    "deepseek-v2": Mixture("deepseek_v2", deepseek_fields, deepseek_keys),
    "deepseek-v3": Mixture("deepseek_v3", deepseek_fields, deepseek_keys),
    "llama4": Mixture("llama4_text", llama4_fields, llama4_keys),
}


def random_mixture(mixture: Mixture, seed: int, **fixed: Any) -> Decoder:
    draw = Draw(seed)
    kv_heads, fields = draw.choice([1, 2, 3]), mixture.fields(draw)
    heads = kv_heads * draw.choice([1, 2, 4])
    head_dim = 4 * draw.randint(1, 4)
    plain = {} if "latent_attention" in fields else {"num_kv_heads": kv_heads, "head_dim": head_dim}
    return Decoder.model_validate(
        {
            "depth": draw.randint(1, 4),
            "width": heads * head_dim,
            "num_heads": heads,
            "ffn_width": 4 * draw.randint(2, 40),
            "vocab_size": draw.randint(50, 300),
            **plain,
            **fields,
            **fixed,
        }
    )


def real_mixture(mixture: Mixture, decoder: Decoder, device: str, **changes: Any) -> Any:
    """Return the real model; each expert runs on its tokens, attention as matrix products."""
    keys = plain_keys(decoder) | {"eos_token_id": 0} | mixture.keys(decoder) | changes
    config = transformers.AutoConfig.for_model(mixture.model_type, **keys)
    with torch.device(device):
        return transformers.AutoModelForCausalLM.from_config(
            config, attn_implementation="eager", experts_implementation="eager"
        ).eval()


# Names in transformers, once `our_name` has been through them -> ours, in this order.
NAMES = [
    ("feed_forward.gate.weight", "feed_forward.router.scores.weight"),
    ("feed_forward.experts.", "feed_forward.routed."),
    ("shared_experts.", "shared."),
    ("shared_expert.", "shared."),
    ("shared_expert_gate", "shared_gate"),
    ("kv_a_proj_with_mqa", "latent"),
    ("kv_a_layernorm", "latent_norm"),
    ("kv_b_proj", "expand"),
    ("q_a_layernorm", "query_norm"),
    ("q_a_proj", "query_down"),
    ("q_b_proj", "query"),
]


def weights_of(real: nn.Module, decoder: Decoder) -> dict[str, Tensor]:
    """Return the weights of a real model under our names."""
    weights = {}
    for name, value in real.named_parameters():
        index = int(name.split(".")[2]) if "layers" in name else 0
        renamed = our_name(name, decoder)
        for theirs, ours in NAMES:
            if theirs != NAMES[0][0] or decoder.has_experts(index):
                renamed = renamed.replace(theirs, ours)
        weights[renamed] = paired_by_halves(renamed, value, decoder)
    return weights


def paired_by_halves(name: str, value: Tensor, decoder: Decoder) -> Tensor:
    """Reorder what is rotated: DeepSeek pairs neighbours, we pair the halves of a head."""
    latent = decoder.latent_attention
    if latent is None or not name.endswith(("attention.query.weight", "attention.latent.weight")):
        return value
    kept = latent.content_dim if "query" in name else latent.kv_rank
    heads = value.unflatten(0, (-1, kept + latent.rotary_dim))
    rotated = heads[:, kept:]
    halves = torch.cat([rotated[:, 0::2], rotated[:, 1::2]], dim=1)
    return torch.cat([heads[:, :kept], halves], dim=1).flatten(0, 1)
