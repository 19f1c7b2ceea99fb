"""The blocks of prefill and decode of a decoder, layers that a fusion method inserts included."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from vlcalc.backbones.decoder import Decoder
from vlcalc.inference.blocks import Block, Build, Run
from vlcalc.inference.linears import layer_linears
from vlcalc.inference.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor, nn


def prefill_runs(decoder: Decoder, plan: Plan) -> tuple[Run, ...]:
    """Return what the prompt runs: every position through every layer, then the head."""
    length = plan.sequence_length
    rows = {"last": 1, "all": length, "none": 0}[plan.load.logits]
    layers = (*_layers(decoder, plan, length, length), *inserted(plan))
    stem, end = _stem(decoder, plan, length, length), _end(decoder, plan, length, rows)
    return (Run(blocks=(stem, *layers, end)),)


def decode_runs(decoder: Decoder, plan: Plan) -> tuple[Run, ...]:
    """Return what the answer runs after its first token, which comes with the prompt.

    What a step costs grows by as much with each position until a window is full, so that the steps
    of a stretch cost what half of them cost at its first and half at its last.
    """
    first, last = plan.sequence_length + 1, plan.sequence_length + plan.num_decoded
    runs = []
    for start, end in stretches(first, last, decoder.sliding_window):
        contexts = (start, end) if start != end else (start,)
        share = Fraction(end - start + 1, len(contexts))
        runs += [
            Run(blocks=decode_step(decoder, plan, context), num_runs=share, context=context)
            for context in contexts
        ]
    return tuple(runs)


def stretches(first: int, last: int, window: int | None) -> Iterator[tuple[int, int]]:
    """Yield the stretches of contexts on either side of a full window; none if `last` < `first`."""
    if window and first <= window < last:
        yield first, window
        yield window + 1, last
    elif first <= last:
        yield first, last


def decode_step(decoder: Decoder, plan: Plan, context: int) -> tuple[Block, ...]:
    """Return what one new position runs; `context` is the positions so far and itself."""
    layers = (*_layers(decoder, plan, 1, context, cached=True), *cached_inserted(plan))
    return (_stem(decoder, plan, 1, context), *layers, _end(decoder, plan, 1, 1))


def layer_groups(decoder: Decoder) -> dict[int, int]:
    """Return the number of layers that are like each first one of its kind, by its index."""
    kinds = [
        (decoder.has_experts(index), decoder.has_window(index)) for index in range(decoder.depth)
    ]
    return {kinds.index(kind): kinds.count(kind) for kind in dict.fromkeys(kinds)}


def _layers(
    decoder: Decoder, plan: Plan, queries: int, context: int, *, cached: bool = False
) -> Iterator[Block]:
    """Yield the language model's own layers: of a prompt, or of one position and its context."""
    batch = plan.load.batch_size
    for index, number in layer_groups(decoder).items():
        keys = decoder.seen(index, context) if cached else context
        yield Block(
            component="language",
            path=f"language.layers[{index}]",
            num_repeats=number,
            flops=decoder.layer_flops(queries, keys, batch, index=index, absorbed=cached),
            build=_layer(decoder, batch, index, queries, keys if cached else 0),
            held_values=0 if cached else context_values(plan),
            num_cached_inputs=len(decoder.cache_shapes(batch, keys)) if cached else 0,
            linears=layer_linears(decoder, index, batch * queries),
        )


def context_values(plan: Plan) -> int:
    """Return the values of the vectors that inserted layers attend to, alive until the last one."""
    if plan.inserted is None or not plan.fusion_dims:
        return 0
    dims = plan.fusion_dims[0]
    width = plan.inserted.context_width(dims)
    return dims.batch_size * plan.inserted.num_context_tokens(dims) * width


def _layer(decoder: Decoder, batch: int, index: int, queries: int, num_cached: int) -> Build:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        layer = decoder.build_layer(device, index=index)
        x = torch.randn(batch, queries, decoder.width, device=device)
        shapes = decoder.cache_shapes(batch, num_cached) if num_cached else ()
        return layer, (x, *(torch.randn(shape, device=device) for shape in shapes))

    return build


def inserted(plan: Plan) -> Iterator[Block]:
    """Yield the layers of the fusion method, of a prompt."""
    fusion = plan.inserted
    if fusion is None or not plan.fusion_dims:
        return
    dims = plan.fusion_dims[0]

    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        from vlcalc.modules.inserted_layers import InsertedStack

        with torch.device(device):
            module = InsertedStack(
                layers=[fusion.build_layer(dims)],
                resampler=None,
                project=None,
                residual=fusion.adds_residual,
            )
            text = torch.randn(dims.batch_size, fusion.num_sequence_tokens(dims), dims.text_width)
            width, number = fusion.context_width(dims), fusion.num_context_tokens(dims)
            return module, (text, torch.randn(dims.batch_size, number, width))

    yield Block(
        component="fusion",
        path=f"language.{fusion.kind}",
        num_repeats=len(fusion.layer_positions(dims)),
        flops=fusion.layer_flops(dims),
        build=build,
        linears=fusion.layer_linears(dims),
    )


def cached_inserted(plan: Plan) -> Iterator[Block]:
    """Yield the layers of the fusion method, of one position; the image's heads are cached.

    transformers caches them for Llama 3.2 Vision and BLIP; for IDEFICS it makes them anew with
    every token (models/idefics/modeling_idefics.py: `past_key_values=None,  # not implemented`).
    """
    fusion = plan.inserted
    if fusion is None or not plan.fusion_dims:
        return
    dims = plan.fusion_dims[0]

    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        from vlcalc.modules.inserted_layers import CachedLayer

        with torch.device(device):
            layer = fusion.build_layer(dims)
        return CachedLayer(
            layer=layer, residual=fusion.adds_residual
        ), fusion.cached_example_inputs(dims, device)

    yield Block(
        component="fusion",
        path=f"language.{fusion.kind}",
        num_repeats=len(fusion.layer_positions(dims)),
        flops=fusion.cached_layer_flops(dims),
        build=build,
        num_cached_inputs=2,
        linears=fusion.layer_linears(dims),
    )


def _stem(decoder: Decoder, plan: Plan, queries: int, context: int) -> Block:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch

        from vlcalc.modules.decoder_blocks import DecoderStem

        ids = torch.zeros(plan.load.batch_size, queries, dtype=torch.long, device=device)
        bare = decoder.model_copy(update={"depth": 0, "tied_embeddings": True}).build(device)
        return DecoderStem(bare, num_positions=context), (ids,)

    return Block(
        component="language",
        path="language.embedding",
        num_repeats=1,
        flops=0,
        build=build,
        held_values=context_values(plan) if queries == context else 0,
    )


def _end(decoder: Decoder, plan: Plan, queries: int, rows: int) -> Block:
    """Return the final norm, and the head of the last `rows` positions of each sequence."""
    batch, num_extra = plan.load.batch_size, plan.num_extra_logits

    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        import torch
        from torch import nn

        from vlcalc.modules.decoder import build_decoder_norm
        from vlcalc.modules.decoder_blocks import DecoderEnd

        with torch.device(device):
            norm, head = build_decoder_norm(decoder.norm, decoder.width, eps=1e-6), None
            if rows:  # a tied head costs the same as one of its own
                outputs = decoder.vocab_size + num_extra
                head = nn.Linear(decoder.width, outputs, bias=decoder.head_bias)
            states = torch.randn(batch, queries, decoder.width)
        return DecoderEnd(norm, head, num_logits=rows), (states,)

    return Block(
        component="language",
        path="language.head",
        num_repeats=1,
        flops=decoder.head_flops(batch * rows, num_extra=num_extra),
        build=build,
    )
