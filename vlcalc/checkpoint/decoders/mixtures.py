"""Mixtures with shared experts: DeepSeek-V3, whose attention is latent, and Aria.

Source: transformers models/{deepseek_v3,aria}/modeling_*.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import decoder_shape, language
from vlcalc.checkpoint.readers import DECODERS, Block, reads
from vlcalc.core.errors import InputError


@reads(
    DECODERS,
    "deepseek_v3",
    vocab_size=129_280,
    hidden_size=7168,
    intermediate_size=18_432,
    moe_intermediate_size=2048,
    num_hidden_layers=61,
    num_attention_heads=128,
    n_shared_experts=1,
    n_routed_experts=256,
    num_experts_per_tok=8,
    first_k_dense_replace=3,
    kv_lora_rank=512,
    q_lora_rank=1536,
    qk_rope_head_dim=64,
    qk_nope_head_dim=128,
    v_head_dim=128,
    hidden_act="silu",
    max_position_embeddings=4096,
    tie_word_embeddings=False,
    attention_bias=False,
)
def deepseek_v3_decoder(text: Config) -> Block:
    """Return DeepSeek-V3's block; the biases that help to choose experts are buffers.

    Raises:
        InputError: attention has biases, which no release has.
    """
    if text.flag("attention_bias"):
        raise InputError(expected="`false`", got="`true`", where=str(text.mark("attention_bias")))
    shared = text.integer("moe_intermediate_size") * (
        text.optional_integer("n_shared_experts") or 0
    )
    query_rank = text.optional_integer("q_lora_rank") or 0
    shape: Block = {
        "depth": text.key("num_hidden_layers"),
        "width": text.key("hidden_size"),
        "num_heads": text.key("num_attention_heads"),
        "ffn_width": text.key("intermediate_size"),
        "vocab_size": text.key("vocab_size"),
        "activation": text.activation("hidden_act"),
        "tied_embeddings": text.key("tie_word_embeddings"),
        "latent_attention": {
            "query_rank": text.derived(query_rank, "q_lora_rank"),
            "kv_rank": text.key("kv_lora_rank"),
            "content_dim": text.key("qk_nope_head_dim"),
            "rotary_dim": text.key("qk_rope_head_dim"),
            "value_dim": text.key("v_head_dim"),
        },
        "experts": {
            "num_experts": text.key("n_routed_experts"),
            "num_active": text.key("num_experts_per_tok"),
            "ffn_width": text.key("moe_intermediate_size"),
            "shared_width": text.derived(shared, "moe_intermediate_size", "n_shared_experts"),
            "first_dense": text.key("first_k_dense_replace"),
        },
    }
    return language(text, shape)


@reads(
    DECODERS,
    "aria_text",
    vocab_size=32_000,
    hidden_size=4096,
    intermediate_size=4096,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=None,
    head_dim=None,
    hidden_act="silu",
    max_position_embeddings=2048,
    tie_word_embeddings=False,
    attention_bias=False,
    mlp_bias=False,
    moe_num_experts=8,
    moe_topk=2,
    moe_num_shared_experts=2,
)
def aria_decoder(text: Config) -> Block:
    """Return the block of the language model in Aria: experts in every layer."""
    shared = text.integer("intermediate_size") * text.integer("moe_num_shared_experts")
    shape = {
        **decoder_shape(text),
        "qkv_bias": text.key("attention_bias"),
        "output_bias": text.key("attention_bias"),
        "experts": {
            "num_experts": text.key("moe_num_experts"),
            "num_active": text.key("moe_topk"),
            "ffn_width": text.key("intermediate_size"),
            "shared_width": text.derived(shared, "intermediate_size", "moe_num_shared_experts"),
        },
    }
    return language(text, shape)
