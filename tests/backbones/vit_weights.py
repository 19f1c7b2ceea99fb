"""From the weights of a vision transformer of transformers to ours."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from tests.backbones.vit_reference import FUSION
from vlcalc.backbones.vit import VisionTransformer

# Names in transformers -> ours, in this order.
NAMES = [
    ("gated_positional_embedding.embedding", "positions.within"),
    ("gated_positional_embedding.tile_embedding.weight", "positions.across"),
    ("gated_positional_embedding.gate", "positions.gate"),
    ("pre_tile_positional_embedding.embedding", "tiles_before"),
    ("pre_tile_positional_embedding", "tiles_before"),
    ("post_tile_positional_embedding.embedding", "tiles_between"),
    ("post_tile_positional_embedding", "tiles_between"),
    ("global_transformer.layers", "gated_layers"),
    ("transformer.layers", "layers"),
    ("gate_attn", "attention_scale.alpha"),
    ("gate_ffn", "feed_forward_scale.alpha"),
    ("lambda_1", "attention_scale.weight"),
    ("lambda_2", "feed_forward_scale.weight"),
    ("layer_scale1.lambda1", "attention_scale.weight"),
    ("layer_scale2.lambda1", "feed_forward_scale.weight"),
    ("encoder.layers.", "layers."),
    ("encoder.layer.", "layers."),
    ("blocks.", "layers."),
    ("neck.conv1", "head.narrow"),
    ("neck.layer_norm1", "head.narrow_norm"),
    ("neck.conv2", "head.mix"),
    ("neck.layer_norm2", "head.mix_norm"),
    ("head.probe", "head.query.weight"),
    ("head.layernorm", "head.norm"),
    ("pre_layrnorm", "pre_norm"),
    ("layernorm_pre", "pre_norm"),
    ("post_conv_layernorm", "pre_norm"),
    ("layernorm_post", "post_norm"),
    ("post_layernorm", "post_norm"),
    ("layernorm_before", "attention_norm"),
    ("input_layernorm", "attention_norm"),
    ("layer_norm1", "attention_norm"),
    ("norm1", "attention_norm"),
    ("layernorm_after", "feed_forward_norm"),
    ("post_attention_layernorm", "feed_forward_norm"),
    ("layer_norm2", "feed_forward_norm"),
    ("norm2", "feed_forward_norm"),
    ("self_attn.", "attention."),
    ("attn.", "attention."),
    ("mlp.", "feed_forward."),
    ("linear_fc", "fc"),
    ("fc1", "up"),
    ("fc2", "down"),
    ("lin1", "up"),
    ("lin2", "down"),
    ("gate_proj", "gate"),
    ("up_proj", "up"),
    ("down_proj", "down"),
    ("q_proj", "query"),
    ("k_proj", "key"),
    ("v_proj", "value"),
    ("q_norm", "query_norm"),
    ("k_norm", "key_norm"),
    ("out_proj", "output"),
    ("o_proj", "output"),
    ("projection_layer", "output"),
    ("attention.projection", "attention.output"),
    ("attention.proj.", "attention.output."),
    ("rel_pos_h", "offsets.rows"),
    ("rel_pos_w", "offsets.columns"),
    ("position_embeddings", "embedding.positions.weight"),
    ("position_embedding.weight", "embedding.positions.weight"),
    ("position_embedding", "embedding.positions.weight"),
    ("pos_embed.weight", "embedding.positions.weight"),
    ("pos_embed", "embedding.positions.weight"),
    ("class_embedding", "embedding.class_token.weight"),
    ("cls_token", "embedding.class_token.weight"),
    ("register_tokens", "embedding.registers.weight"),
    ("mask_token", "embedding.mask_token"),
    ("patch_embeddings.projection", "embedding.patches.convolution"),
    ("patch_embedding.", "embedding.patches.convolution."),
    ("patch_embed.projection", "embedding.patches.convolution"),
    ("patch_embed.proj", "embedding.patches.convolution"),
    ("embeddings.", ""),
    ("embedding.embedding.", "embedding."),
]


def our_name(name: str, shape: VisionTransformer) -> str:
    """Return what a parameter of transformers is called here."""
    if name.startswith("layernorm."):
        return name.replace("layernorm", "post_norm")
    for theirs, ours in NAMES:
        name = name.replace(theirs, ours)
    if shape.tiles and name.startswith("embedding."):
        return name.removeprefix("embedding.")
    return name


def vision_weights_of(model: nn.Module, shape: VisionTransformer) -> Iterator[tuple[str, Tensor]]:
    """Return our state dict, from the weights of the real model."""
    for name, value in model.named_parameters():
        if name.split(".")[0] in FUSION:
            continue
        renamed = our_name(name, shape)
        if "qkv" in renamed or "in_proj_" in renamed:
            for part, weight in zip(("query", "key", "value"), value.chunk(3), strict=True):
                yield renamed.replace("qkv", part).replace("in_proj_", f"{part}."), weight
        else:
            yield renamed, value


def copy_weights(model: nn.Module, ours: nn.Module, shape: VisionTransformer) -> None:
    """Give ours the real weights; all that have a place, and no other."""
    wanted = {name: value.shape for name, value in ours.named_parameters()}
    found = dict(vision_weights_of(model, shape))
    assert found.keys() == wanted.keys()
    ours.load_state_dict({name: found[name].reshape(size) for name, size in wanted.items()})
