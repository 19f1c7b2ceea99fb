"""Experts and latent attention: against our modules on meta and the real classes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.backbones.mixtures import MIXTURES, random_mixture, real_mixture, weights_of
from tests.backbones.reference import rope
from tests.backbones.specs import DECODERS
from vlcalc.backbones.decoder import Decoder

PLAIN = {"depth": 2, "width": 64, "num_heads": 8, "ffn_width": 128, "vocab_size": 100}
LATENT = {"kv_rank": 512, "content_dim": 128, "rotary_dim": 64, "value_dim": 128}

# Parameters that a token uses; the facts' totals are in test_decoder.py.
ACTIVE = [
    ("deepseekmoe-27b", 4_455_085_608),
    ("deepseekmoe-3b", 739_605_760),
    ("qwen3-vl-30b-a3b-text", 3_353_032_704),
    ("llama-4-scout-17b-16e", 17_172_894_720),
]

reals = pytest.mark.parametrize("family", MIXTURES)


def params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def flops(module: nn.Module, *inputs: Any, **named: Any) -> int:
    module.eval().requires_grad_(requires_grad=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs, **named)
    return int(counter.get_total_flops())


@pytest.mark.parametrize(("name", "active"), ACTIVE)
def test_released_models_have_their_known_active_size(name: str, active: int) -> None:
    assert DECODERS[name].num_active_params() == active


@pytest.mark.oracle
@reals
@pytest.mark.parametrize("seed", range(15))
def test_random_shapes_have_the_parameters_of_the_real_class(family: str, seed: int) -> None:
    decoder = random_mixture(MIXTURES[family], seed)
    real = real_mixture(MIXTURES[family], decoder, "meta")
    assert params(decoder.build()) == decoder.num_params() == params(real)


@reals
@pytest.mark.parametrize("seed", range(6))
def test_flops_are_those_of_the_module(family: str, seed: int) -> None:
    decoder = random_mixture(MIXTURES[family], seed)
    for batch, length in ((1, 1), (2, 7), (1, 33)):
        ids = torch.zeros(batch, length, dtype=torch.long, device="meta")
        assert flops(decoder.build(), ids) == decoder.prefill_flops(length, batch, logits="all")
    x = torch.empty(1, 9, decoder.width, device="meta")
    for kind in decoder.layer_kinds():
        layer = decoder.build_layer(index=kind.example)
        assert params(layer) == decoder.layer_params(kind.example)
        assert flops(layer, x) == decoder.layer_flops(9, 9, index=kind.example)


@pytest.mark.oracle
@reals
@pytest.mark.parametrize("seed", range(4))
def test_flops_are_those_of_the_real_class(family: str, seed: int) -> None:
    # On the CPU, for the real experts look at values to choose their tokens.
    decoder = random_mixture(MIXTURES[family], seed)
    real = real_mixture(MIXTURES[family], decoder, "cpu")
    counted = flops(real, torch.zeros(2, 7, dtype=torch.long), use_cache=False)
    if family == "llama4":  # its class runs every expert on every token, most of them on zeros
        fields = decoder.model_dump()
        fields["experts"]["num_active"] = fields["experts"]["num_experts"]
        decoder = Decoder.model_validate(fields)
    assert counted == decoder.prefill_flops(7, 2, logits="all")


@pytest.mark.parametrize("num_experts", [1, 5, 64])
def test_work_does_not_depend_on_the_routing(num_experts: int) -> None:
    experts = {"num_experts": num_experts, "num_active": 1, "ffn_width": 12}
    decoder = Decoder.model_validate({**PLAIN, "experts": experts})
    on_cpu = flops(decoder.build("cpu"), torch.zeros(1, 11, dtype=torch.long))
    attention = 2 * decoder.attention_flops(11, 11)  # the CPU's kernel is not counted
    assert on_cpu == decoder.prefill_flops(11, logits="all") - attention


@pytest.mark.parametrize("query_rank", [0, 24])
def test_absorbed_latents_give_the_same_at_their_own_cost(query_rank: int) -> None:
    torch.manual_seed(0)
    widths = {"kv_rank": 20, "content_dim": 12, "rotary_dim": 8, "value_dim": 16}
    latent = {"query_rank": query_rank, **widths}
    decoder = Decoder.model_validate({**PLAIN, "latent_attention": latent})
    attention = decoder.build_layer("cpu").attention.double()
    x = torch.randn(2, 9, 64, dtype=torch.float64)
    torch.testing.assert_close(attention(x), attention(x, absorbed=True))
    on_meta = decoder.build_layer().attention
    x = torch.empty(2, 9, 64, device="meta")
    mlp = decoder.layer_flops(9, 9, 2) - flops(on_meta, x)
    assert mlp == 2 * 2 * 9 * decoder.mlp_params()
    assert flops(on_meta, x, absorbed=True) == decoder.layer_flops(9, 9, 2, absorbed=True) - mlp


@pytest.mark.oracle
@pytest.mark.parametrize("family", ["mixtral", "qwen2-moe", "qwen3-moe", "deepseek-v2"])
@pytest.mark.parametrize("seed", range(4))
def test_forward_pass_is_the_real_one(family: str, seed: int) -> None:
    torch.manual_seed(seed)
    decoder = random_mixture(MIXTURES[family], seed, depth=3)
    if family == "deepseek-v2":  # its chosen scores do not add up to 1: compare dense layers
        fields = decoder.model_dump()
        fields["experts"]["first_dense"] = 3
        decoder = Decoder.model_validate(fields)
    changes = {"rms_norm_eps": 1e-6, "rope_parameters": rope(1.0)}
    real = real_mixture(MIXTURES[family], decoder, "cpu", **changes)
    for parameter in real.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = decoder.build("cpu").eval()
    ours.load_state_dict(weights_of(real, decoder))
    ids = torch.randint(50, (2, 9))
    with torch.no_grad():
        expected = real(ids, use_cache=False).logits
        worst = (ours(ids) - expected).abs().max() / expected.abs().max()
    assert worst < 1e-5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"experts": {"num_experts": 2, "num_active": 3, "ffn_width": 8}}, "at most `num_experts`"),
        (
            {
                "experts": {
                    "num_experts": 2,
                    "num_active": 1,
                    "ffn_width": 8,
                    "shared_gate": True,
                }
            },
            "`shared_width` beside `shared_gate`",
        ),
        (
            {"mlp_bias": True, "experts": {"num_experts": 2, "num_active": 1, "ffn_width": 8}},
            "no `mlp_bias` beside `experts`",
        ),
        ({"qkv_bias": True, "latent_attention": LATENT}, "no bias .* beside `latent_attention`"),
        ({"full_every": 2}, "`sliding_window` beside `full_every`"),
    ],
)
def test_shapes_that_cannot_be(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Decoder.model_validate({**PLAIN, **fields})
