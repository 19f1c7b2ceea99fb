"""The blocks of prefill and decode of an encoder-decoder.

Prefill is the source through the encoder, then the decoder's first position, from which the first
token of the answer comes; the keys and values of the source that it makes are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from vlcalc.backbones.encoder_decoder import EncoderDecoder
from vlcalc.inference.blocks import Block, Build, Run
from vlcalc.inference.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor, nn

# Kernels want a row of what is added to scores to start on a multiple of this: cost/attention.py.
BIAS_ALIGNMENT = 8


def encoder_decoder_prefill(shape: EncoderDecoder, plan: Plan) -> tuple[Run, ...]:
    """Return what the prompt runs: the encoder over the source, the decoder over one position."""
    source = plan.load.batch_size * plan.sequence_length * shape.width
    stem = replace(_stem(shape, plan, 1, crossed=True), held_values=source)
    end = replace(_end(shape, plan, predicts=plan.load.logits != "none"), held_values=source)
    return (Run(blocks=(*_encoder(shape, plan), stem, _first_position(shape, plan), end)),)


def encoder_decoder_decode(shape: EncoderDecoder, plan: Plan) -> tuple[Run, ...]:
    """Return what the answer runs after its first token; the target so far includes its start.

    What a step costs grows by as much with each eighth position, for the biases of the positions
    between are copied into rows that start on eight; the steps of an eighth cost what half of them
    cost at its first and half at its last.
    """
    runs = []
    for start in range(2, 2 + min(BIAS_ALIGNMENT, plan.num_decoded)):
        contexts = range(start, plan.num_decoded + 2, BIAS_ALIGNMENT)
        ends = dict.fromkeys((contexts[0], contexts[-1]))
        share = Fraction(len(contexts), len(ends))
        runs += [
            Run(blocks=encoder_decoder_step(shape, plan, context), num_runs=share, context=context)
            for context in ends
        ]
    return tuple(runs)


def encoder_decoder_cache(shape: EncoderDecoder, plan: Plan) -> tuple[int, int]:
    """Return the bytes of keys and values of the target and of the source, when it is done."""
    batch, dtype_bytes = plan.load.batch_size, plan.load.kv_dtype_bytes
    target = shape.kv_cache_bytes(0, 1 + plan.num_decoded, batch, dtype_bytes=dtype_bytes)
    source = shape.kv_cache_bytes(plan.sequence_length, 0, batch, dtype_bytes=dtype_bytes)
    return target, source


def _encoder(shape: EncoderDecoder, plan: Plan) -> Iterator[Block]:
    batch, length = plan.load.batch_size, plan.sequence_length

    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        bias = _bias(shape, length, length, device)
        return shape.build_layer(device, crossed=False), (
            _states(shape, plan, length, device),
            bias,
        )

    def build_norm(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        from torch import nn

        norm = nn.RMSNorm(shape.width, eps=1e-6, device=device)
        return norm, (_states(shape, plan, length, device),)

    yield _stem(shape, plan, length, crossed=False)
    yield Block(
        component="language",
        path="language.encoder.layers",
        num_repeats=shape.encoder_depth,
        flops=shape.encoder_layer_flops(length, batch),
        build=build,
    )
    yield Block(
        component="language",
        path="language.encoder.norm",
        num_repeats=1,
        flops=0,
        build=build_norm,
        held_values=_num_biases(shape, length, length),
    )


def _stem(shape: EncoderDecoder, plan: Plan, num_positions: int, *, crossed: bool) -> Block:
    """Return what is before a stack's layers; a decoder is given one position at a time."""
    new = 1 if crossed else num_positions

    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        ids = torch.zeros(plan.load.batch_size, new, dtype=torch.long, device=device)
        stem = shape.build_stem(device, crossed=crossed, num_positions=num_positions)
        return stem, (ids,)

    return Block(
        component="language",
        path=f"language.{'decoder' if crossed else 'encoder'}.embedding",
        num_repeats=1,
        flops=0,
        build=build,
    )


def _first_position(shape: EncoderDecoder, plan: Plan) -> Block:
    """Return the decoder's layers of one position, which also make the source's keys and values."""
    batch, source_length = plan.load.batch_size, plan.sequence_length
    keys_and_values = shape.cross_kv_flops(source_length, batch) // shape.decoder_depth

    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        states, bias = _states(shape, plan, 1, device), _bias(shape, 1, 1, device)
        source = _states(shape, plan, source_length, device)
        return shape.build_layer(device, crossed=True), (states, bias, source)

    return Block(
        component="language",
        path="language.decoder.layers",
        num_repeats=shape.decoder_depth,
        flops=shape.decoder_layer_flops(1, 1, source_length, batch) + keys_and_values,
        build=build,
    )


def encoder_decoder_step(shape: EncoderDecoder, plan: Plan, context: int) -> tuple[Block, ...]:
    """Return what one new position of the target runs; `context` is those so far and itself."""
    layers = Block(
        component="language",
        path="language.decoder.layers",
        num_repeats=shape.decoder_depth,
        flops=shape.decoder_layer_flops(1, context, plan.sequence_length, plan.load.batch_size),
        build=_cached_layer(shape, plan, context),
        num_cached_inputs=4,
    )
    return _stem(shape, plan, context, crossed=True), layers, _end(shape, plan)


def _cached_layer(shape: EncoderDecoder, plan: Plan, context: int) -> Build:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        from vlcalc.modules.encoder_decoder import CachedStackLayer

        layer = CachedStackLayer(shape.build_layer(device, crossed=True))
        cache = [
            torch.randn(
                plan.load.batch_size, shape.num_heads, length, shape.head_dim, device=device
            )
            for length in (context, context, plan.sequence_length, plan.sequence_length)
        ]
        bias = _bias(shape, 1, context, device)
        return layer, (_states(shape, plan, 1, device), bias, *cache)

    return build


def _end(shape: EncoderDecoder, plan: Plan, *, predicts: bool = True) -> Block:
    """Return the decoder's last norm, and the head where it predicts, of one position."""

    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch
        from torch import nn

        from vlcalc.modules.encoder_decoder import TargetEnd

        scale = shape.width**-0.5 if shape.tied_embeddings else None
        with torch.device(device):
            norm = nn.RMSNorm(shape.width, eps=1e-6)
            head = nn.Linear(shape.width, shape.vocab_size, bias=False) if predicts else None
        return TargetEnd(norm, head, scale=scale), (_states(shape, plan, 1, device),)

    return Block(
        component="language",
        path="language.head",
        num_repeats=1,
        flops=predicts * shape.head_flops(plan.load.batch_size),
        build=build,
    )


def _states(shape: EncoderDecoder, plan: Plan, length: int, device: str) -> Tensor:
    import torch

    return torch.randn(plan.load.batch_size, length, shape.width, device=device)


def _bias(shape: EncoderDecoder, queries: int, keys: int, device: str) -> Tensor:
    import torch

    return torch.zeros(shape.num_heads, queries, keys, device=device)


def _num_biases(shape: EncoderDecoder, queries: int, keys: int) -> int:
    return shape.num_heads * queries * keys
