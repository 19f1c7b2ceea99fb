"""Small shapes of every kind of encoder and language model, and plans that run them.

Heads are 8 or 16 wide: flash attention would fill others up, and do more than the shapes say.
"""

from __future__ import annotations

from typing import Any

from vlcalc.backbones.decoder import Decoder
from vlcalc.backbones.vit import VisionTransformer
from vlcalc.core.image_size import ImageSize
from vlcalc.inference.load import Load
from vlcalc.inference.plan import EncoderCall, Plan, make_plan
from vlcalc.spec.schema import ModelSpec, VisionSpec

ViT = dict[str, Any]

PLAIN: ViT = {"depth": 5, "width": 32, "num_heads": 2, "ffn_width": 56, "patch_size": 2}
WINDOWS: ViT = {"depth": 5, "rotary": True, "gated": True, "norm": "rms", "post_norm": False}
WINDOWS |= {"num_heads": 4, "temporal_patch_size": 2}
SAM: ViT = {"relative_positions": True, "position_side": 7, "post_norm": False}
TILES: ViT = {"class_token": True, "position_side": 5, "pre_norm": True, "qkv_bias": False}
TILES |= {"tiles": {"max_tiles": 3, "num_aspect_ratios": 4, "global_depth": 2}}

ENCODERS: dict[str, ViT] = {
    "plain": {"position_side": 4},
    "class token": {"class_token": True, "position_side": 6, "pre_norm": True},
    "registers": {"class_token": True, "num_registers": 3, "layer_scale": True},
    "rotary": {"rotary": True, "gated": True, "num_heads": 4},
    "query norms": {"qk_norm": "rms", "post_norm": False, "layer_scale": True},
    "windows": {**WINDOWS, "window": {"size": 4, "full_layers": (1, 4)}},
    "only windows": {**WINDOWS, "window": {"size": 3}},
    "sam": {**SAM, "window": {"size": 3, "full_layers": (2,), "padded": True}}
    | {"neck": {"width": 12, "downsample_widths": (18, 20)}},
    "attention pool": {"position_side": 5, "attention_pool": True},
    "intermediate": {"position_side": 6, "intermediate_layers": (0, 2)},
    "last intermediate": {"rotary": True, "num_heads": 4, "intermediate_layers": (1, 3)},
    "tiles": {**TILES, "intermediate_layers": (1, 2)},
    "tiles without intermediate": TILES,
}

LLAMA: dict[str, Any] = {"depth": 5, "width": 32, "num_heads": 4, "num_kv_heads": 2}
LLAMA |= {"ffn_width": 40, "vocab_size": 70}
EXPERTS: dict[str, Any] = {"num_experts": 5, "num_active": 2, "ffn_width": 12}
LATENT: dict[str, Any] = {"kv_rank": 8, "content_dim": 6, "rotary_dim": 4, "value_dim": 6}
BIASES = {"qkv_bias": True, "output_bias": True, "mlp_bias": True, "gated": False, "norm": "layer"}

DECODERS: dict[str, dict[str, Any]] = {
    "grouped": {},
    "tied, with rows beyond": {"tied_embeddings": True, "extra_embeddings": 3, "qk_norm": "rms"},
    "sandwich, windows": {"norm_placement": "sandwich", "sliding_window": 6, "full_every": 3},
    "all windows": {"sliding_window": 6},
    "window of one": {"sliding_window": 1, "full_every": 2},
    "parallel": {"norm_placement": "parallel", "norm": "layer_no_bias", "head_bias": True},
    "learned positions": {**BIASES, "rotary_fraction": 0, "learned_positions": 64}
    | {"position_offset": 2, "activation": "relu"},
    "inner norms": {"inner_norms": True, "gated": False, "norm": "layer", "own_qk_norms": False},
    "experts": {"experts": {**EXPERTS, "first_dense": 1}},
    "shared experts": {"experts": {**EXPERTS, "shared_width": 8, "shared_gate": True, "step": 2}},
    "latents": {"latent_attention": LATENT},
    "latent queries, experts": {"latent_attention": {**LATENT, "query_rank": 6}}
    | {"experts": EXPERTS},
}

TEXT: dict[str, Any] = {"depth": 4, "width": 24, "num_heads": 3, "ffn_width": 40}
TEXT |= {"vocab_size": 70, "num_positions": 64}
TEXTS: dict[str, dict[str, Any]] = {
    "clip": {"causal": True, "activation": "quick_gelu"},
    "siglip": {"activation": "gelu_tanh"},
    "bert": {"norm_placement": "post", "num_token_types": 2, "pooler": True},
    "blip": {"norm_placement": "post", "causal": True, "prediction_head": True},
    "causal, norms before": {"causal": True, "prediction_head": True},
}

T5: dict[str, Any] = {"encoder_depth": 3, "decoder_depth": 2, "width": 24, "num_heads": 3}
T5 |= {"head_dim": 8, "ffn_width": 40, "vocab_size": 70}
ENCODER_DECODERS: dict[str, dict[str, Any]] = {
    "gated": {},
    "plain, tied": {"gated": False, "activation": "relu", "tied_embeddings": True},
}


def encoder(kind: str) -> VisionTransformer:
    return VisionTransformer.model_validate({**PLAIN, **ENCODERS[kind]})


def decoder(kind: str) -> Decoder:
    return Decoder.model_validate({**LLAMA, **DECODERS[kind]})


def call(shape: VisionTransformer, columns: int, rows: int, batch: int) -> EncoderCall:
    return EncoderCall(VisionSpec(name="x", encoder=shape), columns, rows, batch)


def planned(language: dict[str, Any], load: Load, **parts: Any) -> Plan:
    """Return the plan of a model with this language model, whose images take no positions."""
    tiling = {"kind": "fixed", "size": 8, "patch_size": 2, "placeholders": 0}
    fields = {"name": "x", "tiling": tiling, "language": {"name": "y", **language}, **parts}
    return make_plan(ModelSpec.model_validate(fields), load)


def load_of(text_tokens: int, **fields: Any) -> Load:
    return Load(image=ImageSize(8, 8), text_tokens=text_tokens, **fields)
