"""Bytes of the cache: against the tensors that transformers keeps after a real forward pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.backbones.mixtures import MIXTURES, random_mixture, real_mixture
from tests.backbones.reference import FAMILIES, rope, transformers
from vlcalc.backbones.decoder import Decoder

SHAPE = {"depth": 7, "width": 48, "num_heads": 4, "head_dim": 8, "ffn_width": 32, "vocab_size": 60}
WINDOW = 5

# model_type; what its models have; what its config wants for a window of 5
WINDOWED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "llama": ("llama", {"num_kv_heads": 2}, {}),
    "mistral": ("mistral", {"num_kv_heads": 2, "sliding_window": WINDOW}, {}),
    "gemma2": (
        "gemma2",
        {"num_kv_heads": 2, "sliding_window": WINDOW, "full_every": 2},
        {"query_pre_attn_scalar": 8, "attn_logit_softcapping": None}
        | {"final_logit_softcapping": None},
    ),
    "gemma3": (
        "gemma3_text",
        {"num_kv_heads": 1, "sliding_window": WINDOW, "full_every": 6, "qk_norm": "rms"},
        {"query_pre_attn_scalar": 8},
    ),
    "llama4": (
        "llama4_text",
        {"num_kv_heads": 2, "sliding_window": WINDOW, "full_every": 4},
        {"attention_chunk_size": WINDOW, "intermediate_size_mlp": 32, "moe_layers": []},
    ),
}


def windowed(name: str) -> tuple[Decoder, Any]:
    """Return the shape and the real model on the CPU."""
    model_type, fields, changes = WINDOWED[name]
    family = next((each for each in FAMILIES.values() if each.model_type == model_type), None)
    decoder = Decoder.model_validate(
        {**SHAPE, **(family.fixed if family else {}), "tied_embeddings": True, **fields}
    )
    config = transformers.AutoConfig.for_model(
        model_type,
        num_hidden_layers=7,
        hidden_size=48,
        num_attention_heads=4,
        num_key_value_heads=decoder.num_kv_heads,
        head_dim=8,
        intermediate_size=32,
        vocab_size=60,
        pad_token_id=0,
        tie_word_embeddings=True,
        **(
            {"sliding_window": WINDOW} if model_type in ("mistral", "gemma2", "gemma3_text") else {}
        ),
        **changes,
    )
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    return decoder, model.eval()


def bytes_of(cache: Any) -> int:
    layers = [(layer.keys, layer.values) for layer in cache.layers]
    return sum(each.numel() * each.element_size() for layer in layers for each in layer)


@torch.no_grad()
def fill(model: Any, batch: int, length: int) -> Any:
    ids = torch.ones(batch, length, dtype=torch.long)
    return model(ids, use_cache=True).past_key_values


@pytest.mark.oracle
@pytest.mark.parametrize("name", WINDOWED)
@pytest.mark.parametrize("length", [1, 4, 5, 6, 23])
def test_bytes_are_those_of_the_real_cache(name: str, length: int) -> None:
    decoder, model = windowed(name)
    cache = fill(model, 2, length)
    assert bytes_of(cache) == decoder.kv_cache_bytes(length, 2, dtype_bytes=4)
    with torch.no_grad():
        model(torch.ones(2, 1, dtype=torch.long), past_key_values=cache, use_cache=True)
    assert bytes_of(cache) == decoder.kv_cache_bytes(length + 1, 2, dtype_bytes=4)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["llama", "mistral", "gemma2", "gemma3"])
@pytest.mark.parametrize("length", [3, 23])
def test_a_decoded_token_attends_to_what_is_cached(name: str, length: int) -> None:
    decoder, model = windowed(name)
    cache = fill(model.requires_grad_(requires_grad=False), 2, length)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.ones(2, 1, dtype=torch.long), past_key_values=cache, use_cache=True)
    assert counter.get_total_flops() == decoder.decode_flops(length + 1, 2)


@pytest.mark.oracle
@pytest.mark.parametrize("family", ["deepseek-v2", "deepseek-v3"])
@pytest.mark.parametrize("seed", range(3))
def test_latents_are_cached_and_expanded_as_in_the_real_class(family: str, seed: int) -> None:
    decoder = random_mixture(MIXTURES[family], seed)
    real = real_mixture(MIXTURES[family], decoder, "cpu").requires_grad_(requires_grad=False)
    cache = fill(real, 2, 9)
    assert bytes_of(cache) == decoder.kv_cache_bytes(9, 2, dtype_bytes=4)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        real(torch.ones(2, 1, dtype=torch.long), past_key_values=cache, use_cache=True)
    assert counter.get_total_flops() == decoder.decode_flops(10, 2, absorbed=False)
    assert decoder.decode_flops(10, 2) < decoder.decode_flops(10, 2, absorbed=False)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["mistral", "gemma2", "gemma3"])
def test_windows_hide_what_they_hide_in_the_real_class(name: str) -> None:
    from tests.backbones.reference import weights_of

    torch.manual_seed(0)
    decoder, model = windowed(name)
    angles: Any = rope(1.0)
    if name == "gemma3":
        angles = dict.fromkeys(("full_attention", "sliding_attention"), angles)
    model = (
        type(model)
        ._from_config(type(model.config)(**{**model.config.to_dict(), "rope_parameters": angles}))
        .eval()
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ours = decoder.build("cpu", eps=model.config.rms_norm_eps).eval()
    ours.load_state_dict(dict(weights_of(model, decoder, zero_centred=name != "mistral")))
    x = torch.randn(2, 23, 48)
    with torch.no_grad():
        expected = model(inputs_embeds=x, use_cache=False).logits
        worst = (ours(x) - expected).abs().max() / expected.abs().max()
    assert worst < 1e-5


def test_a_window_costs_a_prompt_nothing_and_saves_a_decoded_token_its_scores() -> None:
    shape = {**SHAPE, "num_kv_heads": 2}
    full = Decoder.model_validate(shape)
    narrow = Decoder.model_validate({**shape, "sliding_window": 5, "full_every": 7})
    assert narrow.prefill_flops(23) == full.prefill_flops(23)  # counted in full, see decoder.py
    saved = full.decode_flops(23) - narrow.decode_flops(23)
    assert saved == 6 * full.attention_flops(1, 23 - 5)
    per_layer = full.kv_cache_bytes_per_token(2) // 7
    assert narrow.kv_cache_bytes(23, dtype_bytes=2) == per_layer * (23 + 6 * 4)
    assert full.kv_cache_bytes(23, dtype_bytes=2) == 23 * full.kv_cache_bytes_per_token(2)
