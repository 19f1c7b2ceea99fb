"""Vision transformers of transformers: the same shape as ours, as each class of theirs has it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from tests.backbones.vit_configs import (
    Draw,
    Keys,
    blip2_keys,
    dinov2_keys,
    draw_adapted,
    draw_dinov2,
    draw_four_times,
    draw_internvl,
    draw_pool,
    draw_qkv_bias,
    draw_registers,
    draw_sam,
    draw_tiles,
    draw_window,
    glm4v_keys,
    internvl_keys,
    llama4_keys,
    mllama_keys,
    plain_keys,
    qwen2_keys,
    qwen3_keys,
    qwen25_keys,
    sam_keys,
    siglip2_keys,
    siglip_keys,
)
from vlcalc.backbones.vit import VisionTransformer

transformers = pytest.importorskip("transformers")

# What transformers holds inside its encoder, and we count as fusion.
FUSION = ("merger", "deepstack_merger_list", "vision_adapter", "downsample")


class VisionFamily(NamedTuple):
    """A class of transformers, what all its models share, and what its config wants."""

    model: str
    fixed: Mapping[str, Any]
    keys: Callable[[VisionTransformer], Keys]
    free: Callable[[Draw, Keys], Keys] = lambda draw, shape: {}
    learned_positions: bool = True
    model_keys: Mapping[str, Any] = MappingProxyType({})


CLIP = {"class_token": True, "patch_bias": False, "pre_norm": True, "activation": "quick_gelu"}
SIGLIP = {"activation": "gelu_tanh"}
NO_BIAS = {"qkv_bias": False, "output_bias": False, "mlp_bias": False}
QWEN2 = {"temporal_patch_size": 2, "patch_bias": False, "rotary": True, "post_norm": False}
GATED = {"gated": True, "norm": "rms", "activation": "silu"}
QWEN25 = {**QWEN2, **GATED}
QWEN3 = {**QWEN2, "patch_bias": True, "activation": "gelu_tanh"}
PIXTRAL = {**GATED, **NO_BIAS, "patch_bias": False, "rotary": True}
PIXTRAL |= {"pre_norm": True, "post_norm": False}
MLLAMA = {"class_token": True, "patch_bias": False, "pre_norm": True}
MLLAMA |= {"qkv_bias": False, "output_bias": False}
LLAMA4 = {"class_token": True, "patch_bias": False, "pre_norm": True, "rotary": True}
SAM = {"relative_positions": True, "post_norm": False}
GLM4V = {**GATED, **NO_BIAS, "temporal_patch_size": 2, "pre_norm": True, "rotary": True}
CLASS = {"class_token": True}

VISION_FAMILIES = {
    "clip": VisionFamily("CLIPVisionModel", CLIP, plain_keys),
    "siglip": VisionFamily("SiglipVisionModel", SIGLIP, siglip_keys, draw_pool),
    "siglip2": VisionFamily("Siglip2VisionModel", SIGLIP, siglip2_keys, draw_pool),
    "vit": VisionFamily(
        "ViTModel", CLASS, blip2_keys, draw_qkv_bias, model_keys={"add_pooling_layer": False}
    ),
    "blip": VisionFamily("BlipVisionModel", CLASS, plain_keys),
    "blip2": VisionFamily("Blip2VisionModel", CLASS, blip2_keys, draw_qkv_bias),
    "internvl": VisionFamily(
        "InternVLVisionModel", {**CLASS, "layer_scale": True}, internvl_keys, draw_internvl
    ),
    "dinov2": VisionFamily("Dinov2Model", {**CLASS, "layer_scale": True}, dinov2_keys, draw_dinov2),
    "dinov2 with registers": VisionFamily(
        "Dinov2WithRegistersModel", {**CLASS, "layer_scale": True}, dinov2_keys, draw_registers
    ),
    "qwen2-vl": VisionFamily(
        "Qwen2VisionTransformerPretrainedModel",
        {**QWEN2, "activation": "quick_gelu"},
        qwen2_keys,
        draw_four_times,
        learned_positions=False,
    ),
    "qwen2.5-vl": VisionFamily(
        "Qwen2_5_VisionTransformerPretrainedModel",
        QWEN25,
        qwen25_keys,
        draw_window,
        learned_positions=False,
    ),
    "qwen3-vl": VisionFamily("Qwen3VLVisionModel", QWEN3, qwen3_keys),
    "glm4v": VisionFamily("Glm4vVisionModel", GLM4V, glm4v_keys),
    "pixtral": VisionFamily("PixtralVisionModel", PIXTRAL, plain_keys, learned_positions=False),
    "idefics2": VisionFamily("Idefics2VisionTransformer", SIGLIP, plain_keys),
    "idefics3": VisionFamily("Idefics3VisionTransformer", SIGLIP, plain_keys),
    "mllama": VisionFamily("MllamaVisionModel", MLLAMA, mllama_keys, draw_tiles),
    "llama4": VisionFamily("Llama4VisionModel", LLAMA4, llama4_keys, draw_adapted),
    "sam": VisionFamily("SamVisionEncoder", SAM, sam_keys, draw_sam),
}


def class_named(name: str) -> Any:
    """Return a class of transformers, also one that it does not export at the top."""
    if hasattr(transformers, name):
        return getattr(transformers, name)
    for module in ("sam", "qwen2_vl", "qwen2_5_vl", "idefics2", "idefics3", "qwen3_vl", "glm4v"):
        modeling = __import__(
            f"transformers.models.{module}.modeling_{module}", fromlist=["modeling"]
        )
        if hasattr(modeling, name):
            return getattr(modeling, name)
    raise LookupError(name)


def reference_encoder(
    shape: VisionTransformer, family: VisionFamily, device: str = "meta", **changes: Any
) -> nn.Module:
    """Return the family's encoder of this shape."""
    model_class = class_named(family.model)
    config = model_class.config_class(**family.keys(shape), **changes)
    with torch.device(device):
        model: nn.Module = model_class._from_config(config, **family.model_keys)
    return model.eval()


def default_encoder(family: VisionFamily) -> nn.Module:
    """Return the family's encoder as its config comes, without any of our fields."""
    model_class = class_named(family.model)
    with torch.device("meta"):
        model: nn.Module = model_class._from_config(model_class.config_class(), **family.model_keys)
    return model


def encoder_params(model: nn.Module) -> int:
    """Return the parameters of the encoder alone."""
    return sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if name.split(".")[0] not in FUSION
    )


def random_encoder(family: VisionFamily, seed: int) -> VisionTransformer:
    """Return a small shape that the family allows."""
    draw = random.Random(seed)
    heads = draw.choice([1, 2, 3, 4])
    shape: Keys = {
        "depth": draw.randint(1, 4),
        "width": heads * 8 * draw.randint(1, 3),
        "num_heads": heads,
        "ffn_width": 4 * draw.randint(2, 60),
        "patch_size": draw.choice([2, 4, 7, 14]),
        "position_side": draw.randint(2, 9) if family.learned_positions else 0,
        **family.fixed,
    }
    return VisionTransformer.model_validate({**shape, **family.free(draw, shape)})
