"""From a decoder's shape to its modules; each function imports torch when it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from vlcalc.backbones.decoder_shape import DecoderShape
    from vlcalc.modules.decoder import DecoderLayer, DecoderModel


def build_attention(
    decoder: DecoderShape, *, index: int, rope_base: float, eps: float
) -> nn.Module:
    """Return the attention of one layer, on the device that is current."""
    from vlcalc.modules.decoder import CausalSelfAttention, build_decoder_norm

    if latent := decoder.latent_attention:
        return latent.build(decoder.width, decoder.num_heads, rope_base=rope_base, eps=eps)
    inner = None
    if decoder.inner_norms:
        inner = build_decoder_norm(decoder.norm, decoder.query_width, eps=eps)
    return CausalSelfAttention(
        width=decoder.width,
        num_heads=decoder.num_heads,
        num_kv_heads=decoder.num_kv_heads,
        head_dim=decoder.head_dim,
        qkv_bias=decoder.qkv_bias,
        output_bias=decoder.output_bias,
        qk_norm=decoder.qk_norm,
        own_qk_norms=decoder.own_qk_norms,
        inner_norm=inner,
        rotary_dim=round(decoder.rotary_fraction * decoder.head_dim),
        rope_base=rope_base,
        eps=eps,
        window=decoder.sliding_window if decoder.has_window(index) else None,
    )


def build_decoder_feed_forward(decoder: DecoderShape, *, index: int, eps: float) -> nn.Module:
    """Return the feed-forward or the experts of one layer, on the device that is current."""
    from torch import nn

    from vlcalc.modules.decoder import build_decoder_norm
    from vlcalc.modules.primitives import FeedForward

    if decoder.experts and decoder.has_experts(index):
        return decoder.experts.build(decoder.width, decoder.activation)
    module = FeedForward(
        width=decoder.width,
        hidden_width=decoder.ffn_width,
        activation=decoder.activation,
        bias=decoder.mlp_bias,
        gated=decoder.gated,
    )
    if decoder.inner_norms:
        inner = build_decoder_norm(decoder.norm, decoder.ffn_width, eps=eps)
        module.activation = nn.Sequential(module.activation, inner)
    return module


def build_decoder_layer(
    decoder: DecoderShape, device: str, *, index: int, rope_base: float, eps: float
) -> DecoderLayer:
    """Return the layer of an index on a device."""
    import torch

    from vlcalc.modules.decoder import DecoderLayer

    with torch.device(device):
        return DecoderLayer(
            width=decoder.width,
            attention=build_attention(decoder, index=index, rope_base=rope_base, eps=eps),
            feed_forward=build_decoder_feed_forward(decoder, index=index, eps=eps),
            norm=decoder.norm,
            norm_placement=decoder.norm_placement,
            eps=eps,
        )


def build_model(
    decoder: DecoderShape, device: str, *, rope_base: float, eps: float
) -> DecoderModel:
    """Return the whole model on a device."""
    import torch

    from vlcalc.modules.decoder import DecoderModel

    layers = [
        build_decoder_layer(decoder, device, index=index, rope_base=rope_base, eps=eps)
        for index in range(decoder.depth)
    ]
    with torch.device(device):
        return DecoderModel(
            layers=layers,
            width=decoder.width,
            vocab_size=decoder.vocab_size,
            norm=decoder.norm,
            tied_embeddings=decoder.tied_embeddings,
            head_bias=decoder.head_bias,
            extra_embeddings=decoder.extra_embeddings,
            learned_positions=decoder.learned_positions,
            position_offset=decoder.position_offset,
            eps=eps,
        )
