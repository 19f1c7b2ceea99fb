"""The decoder's closed forms against its module on meta, and against published figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.backbones.specs import DECODERS
from vlcalc.backbones.decoder import Decoder, Logits

VICUNA_7B = DECODERS["vicuna-7b-v1.5"]

# Parameters of a language model: its own, or those of the released model that it is part of.
LANGUAGE_PARAMS = [
    ("vicuna-7b-v1.5", {}, 6_738_415_616),
    ("vicuna-7b-v1.5", {"vocab_size": 32_064}, 6_738_939_904),  # LLaVA-1.5 7B
    ("vicuna-13b-v1.5", {}, 13_015_864_320),
    ("vicuna-13b-v1.5", {"vocab_size": 32_064}, 13_016_519_680),  # LLaVA-1.5 13B
    ("vicuna-7b-v1.1", {"vocab_size": 32_001}, 6_738_423_808),  # InstructBLIP
    ("llama-7b", {}, 6_738_415_616),  # IDEFICS 9B
    ("llama-2-7b", {}, 6_738_415_616),
    ("llama-2-70b", {}, 68_976_648_192),
    ("llama-3.1-8b", {"vocab_size": 128_259}, 8_030_285_824),  # Idefics3
    ("llama-3.2-11b-vision-text", {}, 8_030_294_016),
    ("mistral-7b-v0.1", {}, 7_241_732_096),
    ("mistral-7b-v0.1", {"vocab_size": 32_003}, 7_241_756_672),  # Idefics2
    ("mistral-7b-v0.2", {"vocab_size": 32_064}, 7_242_256_384),  # LLaVA-NeXT
    ("mistral-nemo-12b", {}, 12_247_782_400),
    ("mistral-small-3.1-24b-text", {}, 23_572_403_200),
    ("qwen-7b-vl", {}, 7_721_324_544),
    ("qwen2-7b", {}, 7_615_616_512),
    ("qwen2-7b", {"vocab_size": 152_128}, 7_616_075_264),  # LLaVA-OneVision
    ("qwen2-7b", {"extra_embeddings": 128}, 7_616_075_264),  # Molmo 7B-D
    ("qwen2.5-1.5b", {}, 1_543_714_304),
    ("qwen2.5-vl-7b-text", {}, 7_615_616_512),
    ("qwen3-vl-8b-text", {}, 8_190_735_360),
    ("gemma-2b", {"vocab_size": 257_216}, 2_508_662_784),  # PaliGemma
    ("gemma-2-2b", {"vocab_size": 257_216}, 2_617_143_552),  # PaliGemma 2
    ("gemma-3-4b", {}, 3_880_263_168),
    ("opt-2.7b", {}, 2_651_596_800),
    ("opt-2.7b", {"vocab_size": 50_304}, 2_651_678_720),  # BLIP-2
    ("persimmon-8b", {}, 9_397_175_296),
    ("phi-3.5-mini", {}, 3_821_079_552),
    ("phi-4-mini", {}, 3_836_021_760),
    ("smollm2-1.7b-16k", {}, 1_812_051_968),
    ("deepseek-llm-1.3b", {}, 1_652_656_128),
    ("deepseek-llm-7b-16k", {}, 6_910_365_696),
    ("chameleon-7b-text", {}, 7_013_666_816),
    ("kosmos-2-text", {}, 1_342_289_920),
    ("deepseekmoe-27b", {}, 27_033_548_328),
    ("deepseekmoe-3b", {}, 2_934_734_080),
    ("llama-4-scout-17b-16e", {}, 107_769_861_120),
    ("qwen3-vl-30b-a3b-text", {}, 30_532_122_624),
]

# text tokens; total FLOPs with 576 and with 64 image tokens; attention's share; its ratio
COMPRESSION = [
    (0, (7_785_299_312_640, 847_853_387_776), 0.02234290147401086, 81.0),
    (50, (8_477_516_759_040, 1_513_227_288_576), 0.024235385210994966, 30.15358571868267),
    (500, (14_825_438_576_640, 7_619_557_195_776), 0.04094368340943683, 3.6397062522005936),
]


def params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def flops(module: nn.Module, *inputs: Any) -> int:
    module.eval().requires_grad_(requires_grad=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    return int(counter.get_total_flops())


def token_ids(batch: int, length: int) -> torch.Tensor:
    return torch.zeros(batch, length, dtype=torch.long, device="meta")


def changed(decoder: Decoder, **fields: Any) -> Decoder:
    return Decoder.model_validate({**decoder.model_dump(), **fields})


@st.composite
def shapes(draw: st.DrawFn) -> Decoder:
    """Draw any decoder, also such as nobody has built."""
    kv_heads = draw(st.integers(1, 3))
    qk_norm = draw(st.sampled_from([None, "rms", "layer"]))
    tied, gated = draw(st.booleans()), draw(st.booleans())
    flags = ("qkv_bias", "output_bias", "mlp_bias")
    return Decoder.model_validate(
        {
            "depth": draw(st.integers(1, 3)),
            "width": draw(st.integers(1, 50)),
            "num_heads": kv_heads * draw(st.integers(1, 3)),
            "num_kv_heads": kv_heads,
            "head_dim": draw(st.integers(1, 20)),
            "ffn_width": draw(st.integers(1, 90)),
            "vocab_size": draw(st.integers(1, 200)),
            "activation": draw(st.sampled_from(["gelu", "gelu_tanh", "relu", "silu"])),
            "gated": gated,
            **{flag: draw(st.booleans()) for flag in flags},
            "head_bias": not tied and draw(st.booleans()),
            "qk_norm": qk_norm,
            "own_qk_norms": qk_norm is not None and draw(st.booleans()),
            "norm": draw(st.sampled_from(["rms", "layer", "layer_no_bias"])),
            "norm_placement": draw(st.sampled_from(["pre", "sandwich", "parallel"])),
            "inner_norms": not gated and draw(st.booleans()),
            "tied_embeddings": tied,
            "extra_embeddings": draw(st.integers(0, 9)),
            "rotary_fraction": draw(st.sampled_from([0, 0.5, 1])),
            "learned_positions": draw(st.sampled_from([0, 16])),
            "position_offset": draw(st.integers(0, 2)),
        }
    )


@settings(max_examples=25, deadline=None)
@given(shapes(), st.integers(1, 3), st.integers(1, 16), st.sampled_from(["last", "all", "none"]))
def test_closed_forms_are_those_of_the_module(
    decoder: Decoder, batch: int, length: int, logits: Logits
) -> None:
    module = decoder.build()
    assert params(module) == decoder.num_params()
    assert params(module.layers) == decoder.depth * params(decoder.build_layer())
    counted = flops(module, token_ids(batch, length), logits)
    assert counted == decoder.prefill_flops(length, batch, logits)


@pytest.mark.parametrize("name", DECODERS)
def test_specs_have_the_parameters_of_their_module(name: str) -> None:
    decoder = DECODERS[name]
    module = decoder.build()
    by_part = decoder.params_by_part()
    head = params(module.head) if module.head else 0
    positions = params(module.positions) if module.positions else 0
    assert by_part.embedding == params(module.embedding) + positions
    assert (by_part.layers, by_part.head) == (params(module.layers), head)
    assert params(module) == decoder.num_params() == sum(by_part)


@pytest.mark.parametrize("name", DECODERS)
def test_one_layer_times_the_depth_is_the_whole(name: str) -> None:
    decoder = DECODERS[name]
    kinds = decoder.layer_kinds()
    assert sum(kind.num_layers for kind in kinds) == decoder.depth
    layers = {kind: decoder.build_layer(index=kind.example) for kind in kinds}
    for kind, layer in layers.items():
        assert params(layer) == decoder.layer_params(kind.example)
    for length in (1, 16, 577):
        x = torch.empty(1, length, decoder.width, device="meta")
        whole = decoder.head_flops(length)
        for kind, layer in layers.items():
            assert flops(layer, x) == decoder.layer_flops(length, length, index=kind.example)
            whole += kind.num_layers * decoder.layer_flops(length, length, index=kind.example)
        assert whole == decoder.prefill_flops(length, logits="all")


@pytest.mark.parametrize("length", [1, 48, 622, 2048])
def test_a_real_size_is_traced_whole(length: int) -> None:
    traced = flops(VICUNA_7B.build(), token_ids(1, length))
    assert traced == VICUNA_7B.prefill_flops(length, logits="all")


@pytest.mark.parametrize(("name", "change", "expected"), LANGUAGE_PARAMS)
def test_language_models_have_their_known_size(
    name: str, change: dict[str, int], expected: int
) -> None:
    assert changed(DECODERS[name], **change).num_params() == expected


@pytest.mark.parametrize(("num_text", "totals", "share", "ratio"), COMPRESSION)
def test_nine_times_fewer_image_tokens(
    num_text: int, totals: tuple[int, int], share: float, ratio: float
) -> None:
    lengths = (576 + num_text, 64 + num_text)
    assert tuple(VICUNA_7B.prefill_flops(each, logits="all") for each in lengths) == totals
    before, after = (VICUNA_7B.attention_flops(each, each) for each in lengths)
    assert before / after == pytest.approx(ratio, rel=1e-12)  # 81 only without text
    assert VICUNA_7B.depth * before / totals[0] == pytest.approx(share, rel=1e-12)


def test_prompt_and_answer_add_up() -> None:
    decoder = changed(DECODERS["qwen2-7b"], depth=3)
    once = decoder.layer_flops(queries=100, keys=100)
    chunks = decoder.layer_flops(60, 60) + decoder.layer_flops(40, 100)
    assert once - chunks == decoder.attention_flops(60, 40)  # the mask's corner, counted in full
    assert decoder.decode_flops(1) == decoder.prefill_flops(1)
    assert decoder.decode_flops(101) - decoder.decode_flops(100) == 3 * 4 * decoder.query_width


def test_cache_holds_keys_and_values_of_grouped_heads() -> None:
    assert VICUNA_7B.kv_cache_bytes_per_token(dtype_bytes=2) == 524_288
    assert DECODERS["llama-3.1-8b"].kv_cache_bytes_per_token(dtype_bytes=2) == 131_072


def test_head_shape_follows_from_width_and_heads() -> None:
    assert (VICUNA_7B.head_dim, VICUNA_7B.num_kv_heads) == (128, 32)


def wrong_fields() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"num_heads": 7}, r"`num_heads` \(7\) that divides `width` \(64\)"
    yield {"num_kv_heads": 3}, r"`num_kv_heads` \(3\) that divides `num_heads` \(8\)"
    yield {"tied_embeddings": True, "head_bias": True}, "no `head_bias` on a tied head"
    yield {"own_qk_norms": True}, "`qk_norm` beside `own_qk_norms`"
    yield {"inner_norms": True}, "`gated: false` for `inner_norms`"
    yield {"depth": -1}, "greater than 0"
    yield {"num_heads": 0}, "greater than 0"
    yield {"rotary_fraction": 1.5}, "less than or equal to 1"


@pytest.mark.parametrize(("fields", "message"), list(wrong_fields()))
def test_shapes_that_cannot_be(fields: dict[str, Any], message: str) -> None:
    shape = {"depth": 2, "width": 64, "num_heads": 8, "ffn_width": 128, "vocab_size": 100}
    with pytest.raises(ValidationError, match=message):
        Decoder.model_validate({**shape, **fields})


def test_each_position_sees_only_what_came_before() -> None:
    decoder = changed(DECODERS["qwen3-8b"], depth=2, width=32, ffn_width=48, vocab_size=50)
    torch.manual_seed(0)
    module = decoder.build("cpu").eval()
    ids = torch.randint(50, (1, 9))
    later = ids.clone()
    later[0, 6:] = (later[0, 6:] + 1) % 50
    with torch.no_grad():
        torch.testing.assert_close(module(ids)[:, :6], module(later)[:, :6])
        assert not torch.allclose(module(ids)[:, 6:], module(later)[:, 6:])
        torch.testing.assert_close(module(ids, "last"), module(ids)[:, -1:])
