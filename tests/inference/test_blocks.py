"""Blocks times their repeats are the whole module: FLOPs four ways, peak activations, bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from tests.inference.shapes import (
    DECODERS,
    ENCODER_DECODERS,
    ENCODERS,
    LLAMA,
    T5,
    TEXT,
    TEXTS,
    call,
    decoder,
    encoder,
    load_of,
    planned,
)
from vlcalc.backbones.decoder import Logits
from vlcalc.backbones.encoder_decoder import EncoderDecoder
from vlcalc.backbones.text_encoder import TextEncoder
from vlcalc.backbones.vit import VisionTransformer
from vlcalc.cost.flops import count_flops, count_flops_with_torch
from vlcalc.cost.trace import trace_operators
from vlcalc.inference.blocks.block import Block
from vlcalc.inference.blocks.encode import encode_blocks
from vlcalc.inference.blocks.phases import phase_passes
from vlcalc.inference.costs import block_costs
from vlcalc.inference.load import Load
from vlcalc.inference.plan import Plan

PROMPTS: list[tuple[int, int, Logits]] = [(1, 2, "none"), (7, 2, "all"), (33, 1, "last")]


class Cost(NamedTuple):
    """What a forward pass costs; token ids, eight bytes a position, are not in its peak."""

    flops: int
    moved_bytes: int
    peak_bytes: int


def counted(module: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Return what fvcore and torch both count of a module."""
    count, torch_count = count_flops(module, inputs), count_flops_with_torch(module, inputs)
    assert not count.unsupported
    assert count.total == torch_count[""]
    return count.total


def sum_of(blocks: Iterable[Block], load: Load) -> Cost:
    """Return the cost of all blocks, once each of them is found to be what it says."""
    flops, moved, peaks = 0, 0, []
    for block in blocks:
        (cost,) = block_costs([block], load)
        module, inputs = block.build("meta")
        assert block.flops == count_flops_with_torch(module, inputs)[""], block
        flops += block.num_repeats * block.flops
        moved += block.num_repeats * cost.moved_bytes
        ids = sum(each.nbytes for each in inputs if each.dtype is torch.long)
        peaks.append(cost.peak_activation_bytes - ids)
    return Cost(flops, moved, max(peaks))


def whole(module: nn.Module, inputs: tuple[Tensor, ...], load: Load) -> Cost:
    """Return the cost of a whole model, traced at once."""
    dtype: torch.dtype = getattr(torch, load.dtype)
    trace = trace_operators(module, inputs, attention=load.attention, dtype=dtype)
    assert trace.flops == counted(module, inputs)
    pixels = sum(each.numel() for each in inputs if each.is_floating_point())
    alive = trace.memory.peak_activation_bytes + pixels * load.dtype_bytes
    return Cost(trace.flops, trace.moved_bytes, alive)


def prompt(plan: Plan) -> tuple[Block, ...]:
    (passed,) = phase_passes(plan)["prefill"] or ()
    return passed.blocks


def ids(batch: int, length: int) -> Tensor:
    return torch.zeros(batch, length, dtype=torch.long, device="meta")


class WithLogits(nn.Module):
    """A language model told which positions to predict from."""

    def __init__(self, model: nn.Module, logits: Logits) -> None:
        super().__init__()
        self.model, self.logits = model, logits

    def forward(self, *token_ids: Tensor) -> Any:
        return self.model(*token_ids, self.logits)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize(
    ("columns", "rows", "batch", "dtype", "attention"),
    [(7, 9, 1, "float32", "math"), (12, 8, 2, "bfloat16", "flash")],
)
def test_encoder(
    kind: str, columns: int, rows: int, batch: int, dtype: str, attention: Any
) -> None:
    shape, load = encoder(kind), load_of(1, dtype=dtype, attention=attention)
    if shape.tiles:
        columns = rows = shape.position_side
    inputs = shape.example_inputs(columns, rows, batch)
    if shape.tiles:  # which of them are real
        real = torch.ones(batch, shape.tiles.max_tiles, dtype=torch.bool, device="meta")
        inputs = (*inputs, real)
    found = sum_of(encode_blocks(call(shape, columns, rows, batch)) or (), load)
    expected = whole(shape.build(), inputs, load)
    assert found.flops == expected.flops == shape.flops(columns, rows, batch)
    assert found.peak_bytes == expected.peak_bytes - wider_angles(shape, columns * rows, load)


def wider_angles(shape: VisionTransformer, num_patches: int, load: Load) -> int:
    """Return by how much an encoder's angles, which stay in float32, are wider than the dtype."""
    angles = (num_patches + shape.num_prefix_tokens) * shape.head_dim // 2
    return shape.rotary * angles * (4 - load.dtype_bytes)


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize(("length", "batch", "logits"), PROMPTS)
def test_prompt_of_a_decoder(kind: str, length: int, batch: int, logits: Logits) -> None:
    shape, load = decoder(kind), load_of(length, batch_size=batch, logits=logits)
    found = sum_of(prompt(planned({"decoder": {**LLAMA, **DECODERS[kind]}}, load)), load)
    assert found == whole(WithLogits(shape.build(), logits), (ids(batch, length),), load)
    assert found.flops == shape.prefill_flops(length, batch, logits)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(("length", "batch"), [(1, 2), (33, 1)])
def test_prompt_of_a_text_encoder(kind: str, length: int, batch: int) -> None:
    fields = {**TEXT, **TEXTS[kind]}
    shape = TextEncoder.model_validate(fields)
    load = load_of(length, batch_size=batch, logits="all", output_tokens=1)
    found = sum_of(prompt(planned({"text_encoder": fields}, load)), load)
    expected = whole(shape.build(), (ids(batch, length),), load)
    assert found.flops == expected.flops == shape.num_flops(length, batch)
    assert found.peak_bytes == expected.peak_bytes


@pytest.mark.parametrize("kind", ENCODER_DECODERS)
@pytest.mark.parametrize(("length", "batch", "logits"), PROMPTS)
def test_prompt_of_an_encoder_decoder(kind: str, length: int, batch: int, logits: Logits) -> None:
    fields = {**T5, **ENCODER_DECODERS[kind]}
    shape = EncoderDecoder.model_validate(fields)
    load = load_of(length, batch_size=batch, logits=logits)
    found = sum_of(prompt(planned({"encoder_decoder": fields}, load)), load)
    both = (ids(batch, length), ids(batch, 1))
    assert found == whole(WithLogits(shape.build(), logits), both, load)
    assert found.flops == shape.prefill_flops(length, 1, batch, logits)
