"""The blocks of prefill and decode of a text encoder.

One that only encodes (CLIP, SigLIP, BERT) has no answer: prefill is the whole of it. One that
predicts the next token (BLIP) decodes on a cache, beside layers that attend to the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from vlcalc.backbones.text_encoder import TextEncoder
from vlcalc.inference.blocks import Block, Build, Run
from vlcalc.inference.generate import cached_inserted, context_values, inserted
from vlcalc.inference.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vlcalc.modules.text_encoder import TextEncoderModel


def text_prefill(shape: TextEncoder, plan: Plan) -> tuple[Run, ...]:
    """Return what the prompt runs; one that only encodes predicts every token, if any.

    Raises:
        InputError: prompt and answer are longer than the position table.
    """
    length = plan.sequence_length
    shape.check_length(plan.load.text_tokens + plan.num_decoded)
    if not length:
        return ()
    rows = {"last": 1, "all": length, "none": 0}[plan.load.logits] if shape.generates else length
    layers = (_layers(shape, plan), *inserted(plan))
    end = _end(shape, plan, length, rows)
    return (Run(blocks=(_stem(shape, plan, length), *layers, *end)),)


def text_decode(shape: TextEncoder, plan: Plan) -> tuple[Run, ...]:
    """Return what the answer runs after its first token, as that of a decoder without windows."""
    first, last = plan.sequence_length + 1, plan.sequence_length + plan.num_decoded
    ends = dict.fromkeys((first, last)) if first <= last else {}
    share = Fraction(plan.num_decoded, max(len(ends), 1))
    return tuple(
        Run(blocks=text_step(shape, plan, context), num_runs=share, context=context)
        for context in ends
    )


def text_step(shape: TextEncoder, plan: Plan, context: int) -> tuple[Block, ...]:
    """Return what one new position runs; `context` is the positions so far and itself."""
    layers = (_cached_layers(shape, plan, context), *cached_inserted(plan))
    return (_stem(shape, plan, 1), *layers, *_end(shape, plan, 1, 1))


def text_cache(shape: TextEncoder, plan: Plan) -> int:
    """Return the bytes of keys and values when the answer is done; none without one."""
    positions = plan.sequence_length + plan.num_decoded if shape.generates else 0
    load = plan.load
    return shape.kv_cache_bytes(positions, load.batch_size, dtype_bytes=load.kv_dtype_bytes)


def _model(shape: TextEncoder, device: str) -> TextEncoderModel:
    """Return the model without its layers."""
    return shape.model_copy(update={"depth": 0}).build(device)


def _stem(shape: TextEncoder, plan: Plan, length: int) -> Block:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        from vlcalc.modules.text_encoder import TextStem

        ids = torch.zeros(plan.load.batch_size, length, dtype=torch.long, device=device)
        return TextStem(_model(shape, device)), (ids,)

    return Block(
        component="language", path="language.embedding", num_repeats=1, flops=0, build=build
    )


def _layers(shape: TextEncoder, plan: Plan) -> Block:
    """Return the layers of a prompt; a causal one with norms after its sums is given a mask."""
    batch, length = plan.load.batch_size, plan.sequence_length

    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        states = torch.randn(batch, length, shape.width, device=device)
        if not (shape.causal and shape.norm_placement == "post"):
            return shape.build_layer(device), (states,)
        mask = torch.ones(length, length, dtype=torch.bool, device=device).tril()
        return shape.build_layer(device), (states, mask)

    return Block(
        component="language",
        path="language.layers",
        num_repeats=shape.depth,
        flops=shape.layer_flops(length, batch),
        build=build,
        held_values=context_values(plan),
    )


def _cached_layers(shape: TextEncoder, plan: Plan, context: int) -> Block:
    return Block(
        component="language",
        path="language.layers",
        num_repeats=shape.depth,
        flops=shape.layer_flops(1, plan.load.batch_size, keys=context),
        build=_cached_layer(shape, plan, context),
        num_cached_inputs=2,
    )


def _cached_layer(shape: TextEncoder, plan: Plan, context: int) -> Build:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        from vlcalc.modules.primitives import PostNormLayer
        from vlcalc.modules.text_encoder import CachedPostNormLayer

        layer, batch = shape.build_layer(device), plan.load.batch_size
        heads = (batch, shape.num_heads, context, shape.width // shape.num_heads)
        cache = (torch.randn(heads, device=device), torch.randn(heads, device=device))
        states = torch.randn(batch, 1, shape.width, device=device)
        if isinstance(layer, PostNormLayer):
            layer = CachedPostNormLayer(layer)
        return layer, (states, *cache)

    return build


def _end(shape: TextEncoder, plan: Plan, length: int, rows: int) -> Iterator[Block]:
    """Yield what is behind the last layer, with logits of so many positions of each text."""
    batch = plan.load.batch_size
    num_logits = rows * shape.prediction_head
    if not num_logits and not shape.pooler and shape.norm_placement == "post":
        return

    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        from vlcalc.modules.text_encoder import TextEnd

        states = torch.randn(batch, length, shape.width, device=device)
        return TextEnd(_model(shape, device), num_logits=num_logits), (states,)

    yield Block(
        component="language",
        path="language.head",
        num_repeats=1,
        flops=shape.head_flops(batch * rows) + shape.pooler_flops(batch),
        build=build,
    )
