"""The linear weights of a language model's layers, which a quantisation keeps in fewer bits."""

from __future__ import annotations

from collections.abc import Iterator

from vlcalc.backbones.decoder import Decoder

Shape = tuple[int, int]  # outputs, inputs


def layer_linears(decoder: Decoder, index: int, positions: int | None = None) -> tuple[Shape, ...]:
    """Return the (outputs, inputs) of a layer's linear weights, the router's left out.

    Args:
        decoder: the language model.
        index: which layer, counted from 0.
        positions: that pass the layer at once: no more experts are read than these are sent to.
            All experts by default.
    """
    return (*_attention(decoder), *_feed_forward(decoder, index, positions))


def _attention(decoder: Decoder) -> Iterator[Shape]:
    width = decoder.width
    latent = decoder.latent_attention
    if latent is None:
        yield decoder.query_width, width
        yield from [(decoder.kv_width, width)] * 2
        yield width, decoder.query_width
        return
    queries = decoder.num_heads * latent.query_dim
    if latent.query_rank:
        yield latent.query_rank, width
    yield queries, latent.query_rank or width
    yield latent.cached_width, width
    yield decoder.num_heads * (latent.content_dim + latent.value_dim), latent.kv_rank
    yield width, decoder.num_heads * latent.value_dim


def _feed_forward(decoder: Decoder, index: int, positions: int | None) -> Iterator[Shape]:
    experts = decoder.experts
    if experts is None or not decoder.has_experts(index):
        yield from _gated(decoder.width, decoder.ffn_width, decoder.num_mlp_inputs)
        return
    number = experts.num_experts
    if positions is not None:
        number = min(number, positions * experts.num_active)
    for _ in range(number):
        yield from _gated(decoder.width, experts.ffn_width, 2)
    if experts.shared_width:
        yield from _gated(decoder.width, experts.shared_width, 2)


def _gated(width: int, ffn_width: int, num_inputs: int) -> Iterator[Shape]:
    yield from [(ffn_width, width)] * num_inputs
    yield width, ffn_width
