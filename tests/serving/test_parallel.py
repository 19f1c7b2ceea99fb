"""A shard against the whole: parameters, FLOPs and cache add up; messages by hand."""

from __future__ import annotations

import pytest

from tests.serving.toys import device, load, model, with_decoder
from vlcalc.backbones.decoder import Decoder
from vlcalc.core.errors import InputError
from vlcalc.cost.params import count_params
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.inference.inference import infer
from vlcalc.serving.latency import serve, speed
from vlcalc.serving.parallel import (
    NVLINK_STEP_S,
    PCIE_STEP_S,
    START_S,
    Message,
    message_s,
    shard,
    shard_decoder,
)
from vlcalc.spec.device import Interconnect
from vlcalc.spec.parts import load_language

NVLINK = Interconnect(name="NVLink4", bytes_per_s=900e9)


def decoder_named(name: str) -> Decoder:
    decoder = load_language(name).decoder
    assert decoder is not None
    return decoder


def replicated_params(decoder: Decoder) -> int:
    """Return the parameters that are on every device, by hand: norms, routers, latents."""
    norms = {"pre": 2, "sandwich": 4, "parallel": 1}[decoder.norm_placement]
    each = (2 if decoder.norm == "layer" else 1) * decoder.width
    total = (norms * decoder.depth + 1) * each + decoder.learned_positions * decoder.width
    total += decoder.position_offset * bool(decoder.learned_positions) * decoder.width
    if decoder.qk_norm and not decoder.own_qk_norms:
        total += decoder.depth * 2 * decoder.head_dim * (2 if decoder.qk_norm == "layer" else 1)
    total += decoder.depth * decoder.width * (decoder.output_bias + decoder.mlp_bias)
    if latent := decoder.latent_attention:
        down = decoder.width * (latent.query_rank + latent.cached_width)
        total += decoder.depth * (down + latent.query_rank + latent.kv_rank)
    if experts := decoder.experts:
        layers = sum(decoder.has_experts(index) for index in range(decoder.depth))
        gate = experts.shared_gate * decoder.width
        bias = experts.score_bias * experts.num_experts
        total += layers * (decoder.width * experts.num_experts + gate + bias)
    return total


# Their vocabularies and extra rows divide, so that nothing is filled up.
SPLIT = [("llama-2-7b", 4), ("llama-2-7b", 32), ("qwen2.5-7b", 4), ("mixtral-8x7b", 8),
         ("deepseekmoe-27b", 2), ("opt-2.7b", 4), ("gemma-3-4b", 4), ("qwen3-8b", 8)]  # fmt: skip


@pytest.mark.parametrize(("name", "tp"), SPLIT)
def test_parts_add_up_to_the_whole_and_what_is_on_every_device(name: str, tp: int) -> None:
    decoder = decoder_named(name)
    part = shard_decoder(decoder, tp)
    assert decoder.vocab_size % tp == decoder.extra_embeddings % tp == 0
    again = tp * part.num_params() - decoder.num_params()
    assert again == (tp - 1) * replicated_params(decoder)
    assert part.num_params() == count_params(part.build("meta"))


@pytest.mark.parametrize(("name", "tp"), [("llama-2-7b", 4), ("qwen2.5-7b", 4), ("qwen3-8b", 8)])
def test_flops_and_cache_are_split_evenly(name: str, tp: int) -> None:
    decoder = decoder_named(name)
    part = shard_decoder(decoder, tp)
    for queries, keys in ((100, 100), (1, 777)):
        assert tp * part.layer_flops(queries, keys) == decoder.layer_flops(queries, keys)
    assert tp * part.head_flops(3) == decoder.head_flops(3)
    whole = decoder.kv_cache_bytes(500, dtype_bytes=2)
    assert tp * part.kv_cache_bytes(500, dtype_bytes=2) == whole


def test_too_few_key_value_heads_are_copied() -> None:
    decoder = decoder_named("qwen2.5-7b")  # 28 heads, 4 of keys and values
    assert decoder.num_kv_heads == 4
    part = shard_decoder(decoder.model_copy(update={"num_heads": 32, "ffn_width": 18_944}), 8)
    assert (part.num_heads, part.num_kv_heads) == (4, 1)
    cached = 8 * part.kv_cache_bytes(100, dtype_bytes=2)
    assert cached == 2 * decoder.kv_cache_bytes(100, dtype_bytes=2)


def test_latents_are_cached_on_every_device() -> None:
    decoder = decoder_named("deepseekmoe-27b")
    part = shard_decoder(decoder, 2)
    cached = part.kv_cache_bytes(100, dtype_bytes=2)
    assert cached == decoder.kv_cache_bytes(100, dtype_bytes=2)


def test_embeddings_are_filled_up_to_equal_parts() -> None:
    odd = {"vocab_size": 32_001, "extra_embeddings": 5}
    part = shard_decoder(decoder_named("llama-2-7b").model_copy(update=odd), 4)
    assert (part.vocab_size, part.extra_embeddings) == (8_001, 2)


@pytest.mark.parametrize(
    "name", ["llama-3.2-11b-vision-instruct", "idefics-9b", "openflamingo-9b", "flamingo-3b"]
)
def test_inserted_layers_are_split_and_their_connector_is_not(name: str) -> None:
    spec = model(name)
    part = shard(spec, 4)
    request = load()
    whole, found = infer(spec, request, traced=False), infer(part, request, traced=False)
    fusion, split = spec.fusion, part.fusion
    assert isinstance(fusion, InsertedLayers)
    assert isinstance(split, InsertedLayers)
    dims = whole.plan.inserted_dims
    assert dims is not None
    assert split.connector_params(dims) == fusion.connector_params(dims)
    split_layers = fusion.layer_params(dims) - split.layer_params(dims)
    linears = sum(rows * columns for rows, columns in fusion.layer_linears(dims))
    assert 4 * split_layers == 3 * linears
    assert whole.weights.vision == found.weights.vision
    assert whole.cache
    assert found.cache
    assert 4 * found.cache.cross_attention == whole.cache.cross_attention
    assert count_params(split.build(dims, "meta")) == split.num_params(dims)


def test_memory_of_parts_adds_up() -> None:
    whole, part = infer(model(), load()), infer(shard(model(), 4), load())
    decoder = whole.plan.spec.language.decoder
    assert decoder
    assert part.weights.language
    assert whole.weights.language
    again = 4 * part.weights.language - whole.weights.language
    assert again == 2 * 3 * (2 * 32 + 1) * 4096  # the norms
    assert (part.weights.vision, part.weights.fusion) == (
        whole.weights.vision,
        whole.weights.fusion,
    )
    assert part.cache
    assert whole.cache
    assert 4 * part.cache.total == whole.cache.total
    peak = part.peak_activation_bytes
    assert peak is not None
    assert peak < (whole.peak_activation_bytes or 0)


def test_one_device_is_the_whole() -> None:
    spec = model()
    assert shard(spec, 1) is spec
    assert serve(spec, load()).prefill_messages == ()


@pytest.mark.parametrize(
    ("name", "tp", "message"),
    [
        ("qwen2.5-vl-7b", 3, "expected a number of devices that divides 28 heads, got 3"),
        ("qwen2.5-vl-7b", 8, "expected a number of devices that divides 28 heads, got 8"),
        ("blip2-flan-t5-xl", 2, "expected a decoder whose shape is known, to split it, got `flan"),
        ("llava-1.5-7b", 0, "expected 1 to 1,024 devices, got 0"),
        ("llava-1.5-7b", True, "expected 1 to 1,024 devices, got True"),
        ("llava-1.5-7b", 2.0, "expected 1 to 1,024 devices, got 2.0"),
    ],
)
def test_what_cannot_be_split(name: str, tp: int, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        shard(model(name), tp)


def test_a_feed_forward_that_does_not_divide_is_named() -> None:
    spec = with_decoder(ffn_width=2046)
    with pytest.raises(InputError, match="divides 2,046 feed-forward channels, got 4"):
        shard(spec, 4)


def test_two_reductions_a_layer_one_of_the_embedding_and_the_logits() -> None:
    served = serve(with_decoder(), load(batch_size=3), tp=4)
    states = 3 * (50 + 576) * 512 * 2
    assert served.prefill_messages == (
        Message("all-reduce", 2 * 4 + 1, states),
        Message("all-gather", 1, 3 * 1024 * 2),
    )
    assert served.step_messages == (
        Message("all-reduce", 2 * 4 + 1, 3 * 512 * 2),
        Message("all-gather", 1, 3 * 1024 * 2),
    )


@pytest.mark.parametrize(
    ("name", "reduced"), [("llama-3.2-11b-vision-instruct", 1 + 2 * 32 + 2 * 8)]
)
def test_inserted_layers_reduce_too(name: str, reduced: int) -> None:
    served = serve(model(name), load(), tp=2)
    assert served.step_messages[0].number == reduced


@pytest.mark.parametrize(
    ("name", "step_s"),
    [("NVLink4", NVLINK_STEP_S), ("PCIe4 x16", PCIE_STEP_S), ("Infinity Fabric", PCIE_STEP_S)],
)
@pytest.mark.parametrize("tp", [2, 4, 8])
def test_a_ring_moves_its_share_in_each_step(name: str, step_s: float, tp: int) -> None:
    link = Interconnect(name=name, bytes_per_s=100e9)
    joined = device(link=link, share=0.8)
    reduced = message_s(Message("all-reduce", 5, 10**9), joined, tp)
    moved = 2 * (tp - 1) / tp * 10**9 / (0.8 * 50e9)
    assert reduced == pytest.approx(5 * (START_S + 2 * (tp - 1) * step_s + moved))
    gathered = message_s(Message("all-gather", 1, 10**9), joined, tp)
    assert gathered == pytest.approx(START_S + (tp - 1) * step_s + moved / 2)


def test_a_link_that_is_not_known_makes_no_time_known() -> None:
    served = serve(with_decoder(), load(), tp=2)
    for link in (None, Interconnect(name="none")):
        found = speed(served, device(link=link))
        assert found.time_to_first_token_s is None
        assert found.tokens_per_s is None
        assert found.images_per_s  # encoders run on each device, without the others


def test_communication_is_part_of_latency() -> None:
    alone = speed(serve(with_decoder(), load()), device(link=NVLINK, bandwidth=1e9))
    found = speed(serve(with_decoder(), load(), tp=2), device(link=NVLINK, bandwidth=1e9))
    prefill, decode = found.phase("prefill"), found.phase("decode")
    assert prefill.communication_s
    assert decode.communication_s
    assert found.step_communication_s
    assert decode.communication_s == pytest.approx(127 * found.step_communication_s)
    parts = (prefill.compute_s, prefill.memory_s, prefill.overhead_s, prefill.communication_s)
    assert prefill.latency_s == pytest.approx(sum(part or 0 for part in parts))
    assert found.phase("encode").latency_s == alone.phase("encode").latency_s
    assert alone.phase("decode").latency_s == pytest.approx(
        2 * ((decode.latency_s or 0) - decode.communication_s), rel=0.05
    )
