"""Decoding: sums over stretches of positions are those of a loop, and of the real classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.backbones.test_kv_cache import fill, windowed
from tests.inference.shapes import (
    DECODERS,
    ENCODER_DECODERS,
    LLAMA,
    T5,
    TEXT,
    TEXTS,
    load_of,
    planned,
)
from tests.inference.test_blocks import sum_of
from vlcalc.backbones.encoder_decoder import EncoderDecoder
from vlcalc.backbones.text_encoder import TextEncoder
from vlcalc.inference.blocks.block import Block, Pass
from vlcalc.inference.blocks.decoder import DecoderBlocks
from vlcalc.inference.blocks.encoder_decoder import EncoderDecoderBlocks
from vlcalc.inference.blocks.phases import phase_passes
from vlcalc.inference.blocks.text import TextBlocks
from vlcalc.inference.costs import block_costs, phase_cost
from vlcalc.inference.inference import phase_tokens
from vlcalc.inference.memory import cache_bytes
from vlcalc.inference.plan import Plan

Step = Callable[[int], tuple[Block, ...]]

WINDOWED = [kind for kind, fields in DECODERS.items() if "sliding_window" in fields]
STRETCHES = [(kind, 3, 7) for kind in DECODERS]
STRETCHES += [(kind, *at) for kind in WINDOWED for at in ((3, 1), (3, 2), (5, 3), (6, 3), (20, 4))]


def decode_passes_of(plan: Plan) -> tuple[Pass, ...]:
    passes = phase_passes(plan)["decode"]
    assert passes is not None
    return passes


def assert_a_loop_costs_as_much(plan: Plan, contexts: Iterable[int], step: Step) -> None:
    """Hold the phase against every step by itself: FLOPs, bytes moved, peak activations."""
    found = phase_cost("decode", decode_passes_of(plan), 0, plan.load, traced=True)
    flops, moved, peak = 0, 0, 0
    for context in contexts:
        for block in step(context):
            (cost,) = block_costs([block], plan.load)
            flops += block.num_repeats * block.flops
            moved += block.num_repeats * cost.moved_bytes
            peak = max(peak, cost.peak_activation_bytes)
    assert (found.flops, found.moved_bytes, found.peak_activation_bytes) == (flops, moved, peak)


@pytest.mark.parametrize(("kind", "prompt", "output"), STRETCHES)
def test_stretches_of_a_decoder(kind: str, prompt: int, output: int) -> None:
    load = load_of(prompt, output_tokens=output, batch_size=2, kv_dtype="float8")
    plan = planned({"decoder": {**LLAMA, **DECODERS[kind]}}, load)
    shape = plan.spec.language.decoder
    assert shape is not None
    contexts = range(prompt + 1, prompt + output)
    assert_a_loop_costs_as_much(plan, contexts, DecoderBlocks(shape, plan).token)
    total = sum(run.flops for run in decode_passes_of(plan))
    assert total == sum(shape.decode_flops(context, 2) for context in contexts)
    assert phase_tokens(plan)["decode"] == 2 * (output - 1)


@pytest.mark.parametrize("kind", ["blip", "causal, norms before"])
@pytest.mark.parametrize("output", [1, 2, 11])
def test_stretches_of_a_text_decoder(kind: str, output: int) -> None:
    fields = {**TEXT, **TEXTS[kind]}
    shape = TextEncoder.model_validate(fields)
    plan = planned({"text_encoder": fields}, load_of(6, output_tokens=output, batch_size=2))
    contexts = range(7, 6 + output)
    assert_a_loop_costs_as_much(plan, contexts, TextBlocks(shape, plan).token)
    total = sum(run.flops for run in decode_passes_of(plan))
    assert total == sum(shape.decode_flops(context, 2) for context in contexts)


@pytest.mark.parametrize("kind", ENCODER_DECODERS)
@pytest.mark.parametrize("output", [1, 2, 19])
def test_stretches_of_an_encoder_decoder(kind: str, output: int) -> None:
    fields = {**T5, **ENCODER_DECODERS[kind]}
    shape = EncoderDecoder.model_validate(fields)
    plan = planned({"encoder_decoder": fields}, load_of(6, output_tokens=output, batch_size=2))
    contexts = range(2, output + 1)
    assert_a_loop_costs_as_much(plan, contexts, EncoderDecoderBlocks(shape, plan).token)
    total = sum(run.flops for run in decode_passes_of(plan))
    assert total == sum(shape.decode_flops(context, 6, 2) for context in contexts)
    cache = cache_bytes(plan)
    assert cache is not None
    width = 2 * 2 * shape.decoder_depth * shape.attention_width
    assert cache == (2 * width * output, 2 * width * 6)


@pytest.mark.parametrize("kind", DECODERS)
def test_a_step_counts_as_its_modules_do(kind: str) -> None:
    plan = planned({"decoder": {**LLAMA, **DECODERS[kind]}}, load_of(3, batch_size=2))
    shape = plan.spec.language.decoder
    assert shape is not None
    assert sum_of(DecoderBlocks(shape, plan).token(7), plan.load).flops == shape.decode_flops(7, 2)


@pytest.mark.parametrize("kind", DECODERS)
def test_a_step_puts_one_position_of_each_prompt_through_every_block(kind: str) -> None:
    plan = planned({"decoder": {**LLAMA, **DECODERS[kind]}}, load_of(3, batch_size=2))
    shape = plan.spec.language.decoder
    assert shape is not None
    for block in DecoderBlocks(shape, plan).token(7):
        _module, inputs = block.build("meta")
        assert inputs[0].shape[:2] == (2, 1), block.path


def test_a_text_encoder_that_neither_pools_nor_predicts_has_no_head() -> None:
    bare = {**TEXT, **TEXTS["bert"], "pooler": False}
    shape, plan = TextEncoder.model_validate(bare), planned({"text_encoder": bare}, load_of(6))
    paths = [block.path for block in TextBlocks(shape, plan).prompt()]
    assert paths == ["language.embedding", "language.layers"]


@pytest.mark.parametrize("kind", ENCODER_DECODERS)
def test_a_step_of_the_others_counts_as_its_modules_do(kind: str) -> None:
    fields = {**T5, **ENCODER_DECODERS[kind]}
    shape = EncoderDecoder.model_validate(fields)
    plan = planned({"encoder_decoder": fields}, load_of(6, batch_size=2))
    assert sum_of(
        EncoderDecoderBlocks(shape, plan).token(9), plan.load
    ).flops == shape.decode_flops(9, 6, 2)
    for text in ("blip", "causal, norms before"):
        texts = TextEncoder.model_validate({**TEXT, **TEXTS[text]})
        plan = planned({"text_encoder": {**TEXT, **TEXTS[text]}}, load_of(6, batch_size=2))
        assert sum_of(TextBlocks(texts, plan).token(9), plan.load).flops == texts.decode_flops(9, 2)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["llama", "mistral", "gemma2"])
def test_a_step_counts_as_the_real_class_does(name: str) -> None:
    (shape, real), length = windowed(name), 23
    cache = fill(real.requires_grad_(requires_grad=False), 2, length)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        real(torch.ones(2, 1, dtype=torch.long), past_key_values=cache, use_cache=True)
    load = load_of(length, output_tokens=2, batch_size=2)
    plan = planned({"decoder": shape.model_dump()}, load)
    assert sum(run.flops for run in decode_passes_of(plan)) == counter.get_total_flops()
