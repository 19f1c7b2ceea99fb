"""Class and register tokens: taken where they are kept, dropped where a grid is needed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.spec.schema import ModelSpec

from .checks import assert_counts, assert_image_tokens
from .strategies import make

DIMS = Dims(
    vision_width=8, text_width=12, columns=4, rows=4, num_views=2, num_prefix_tokens=3, batch_size=2
)
SMALL: dict[str, dict[str, Any]] = {
    "linear": {},
    "mlp": {},
    "fused_mlp": {"extra_vision_widths": (6,)},
    "hybrid_mlp": {"high_res_width": 6},
    "grouped": {"compress_ratio": 19},
    "llava_pipeline": {},
    "interleaved_pipeline": {},
    "project_and_concatenate": {},
    "toy_llava": {"num_heads": 2, "hidden_width": 8},
    "perceiver": {"num_latents": 3},
    "idefics2_connector": {"num_latents": 3, "hidden_width": 8},
    "joint_resampler": {"num_latents": 3, "num_heads": 2},
    "self_cross_resampler": {"num_queries": 3},
    "aria_projector": {"num_queries": 3, "num_heads": 2},
    "q_former": {"width": 24, "num_queries": 3},
    "simplified_q_former": {"width": 24, "num_queries": 3},
}
PER_TOKEN = ("linear", "mlp", "fused_mlp", "hybrid_mlp")
# Inserted layers attend to them, and the objectives of BLIP-2 always do.
ELSEWHERE = {"cross_attention", "gated_cross_attention", "gated_xattn_dense", "blip2_objectives"}


def with_prefix_field() -> set[str]:
    return {kind for kind in FUSIONS.names() if "keep_prefix" in FUSIONS.get(kind).model_fields}


def test_every_method_that_can_keep_them_is_tried() -> None:
    assert with_prefix_field() - ELSEWHERE == {*SMALL, "cross_attention_resampler"}


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("kind", SMALL)
def test_module_and_closed_form_agree(kind: str, *, keep: bool) -> None:
    fusion = make(kind, **{"keep_prefix": keep, **SMALL[kind]})
    if kind == "grouped" and not keep:
        fusion = make(kind, compress_ratio=4)
    assert_counts(fusion, DIMS._replace(num_text_tokens=2))
    without = fusion.num_flops(DIMS._replace(num_prefix_tokens=0)) if kind != "grouped" else 0
    assert (fusion.num_flops(DIMS) > without) is (keep or kind == "grouped")


@pytest.mark.parametrize("kind", PER_TOKEN)
def test_every_vector_of_the_encoder_becomes_an_image_token(kind: str) -> None:
    fusion = make(kind, keep_prefix=True, **SMALL[kind])
    assert_image_tokens(fusion, DIMS)
    assert fusion.num_image_tokens(DIMS) == 2 * (16 + 3)
    grid_alone = DIMS._replace(num_prefix_tokens=0)
    assert fusion.num_flops(DIMS) * 16 == fusion.num_flops(grid_alone) * 19


def test_what_needs_a_grid_has_no_such_field() -> None:
    with pytest.raises(ValidationError, match="keep_prefix"):
        make("pixel_shuffle", keep_prefix=True)
    with pytest.raises(ValidationError, match="no `keep_prefix`, as the keys have the positions"):
        make("cross_attention_resampler", keep_prefix=True)


def test_a_spec_that_keeps_them_in_one_place_alone_is_refused() -> None:
    parts = {
        "name": "llava-full",
        "vision": {"name": "clip", "patch_size": 14, "width": 1024, "num_prefix_tokens": 1},
        "tiling": {"kind": "fixed", "size": 336, "patch_size": 14, "prefix_tokens": 1},
        "language": {"name": "llama"},
    }
    ModelSpec.model_validate({**parts, "fusion": {"kind": "mlp", "keep_prefix": True}})
    with pytest.raises(ValidationError, match="got 577 and 576 for an image"):
        ModelSpec.model_validate({**parts, "fusion": {"kind": "mlp"}})


@pytest.mark.oracle
@pytest.mark.parametrize("strategy", ["full", "default"])
def test_llava_of_transformers(strategy: str) -> None:
    """LLaVA-1.5's widths and grid: 577 vectors in and out with `full`, 576 with `default`."""
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig
    from transformers.models.llava.modeling_llava import LlavaForConditionalGeneration

    vision = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
    )
    text = LlamaConfig(
        hidden_size=4096,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=32,
        vocab_size=64,
    )
    config = LlavaConfig(
        vision_config=vision, text_config=text, vision_feature_select_strategy=strategy
    )
    with torch.device("meta"):
        model = LlavaForConditionalGeneration(config).requires_grad_(requires_grad=False)
        pixels = torch.empty(1, 3, 336, 336)
    projector = model.model.multi_modal_projector
    shapes: list[torch.Size] = []
    projector.register_forward_hook(lambda _module, _inputs, out: shapes.append(out.shape))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.model.get_image_features(pixels)
    counts = counter.get_flop_counts()
    flops = sum(counts["LlavaMultiModalProjector"].values())

    fusion = make("mlp", keep_prefix=strategy == "full")
    dims = Dims(vision_width=1024, text_width=4096, columns=24, rows=24, num_prefix_tokens=1)
    assert shapes == [torch.Size((1, fusion.num_image_tokens(dims), 4096))]
    assert fusion.num_image_tokens(dims) == (577 if strategy == "full" else 576)
    assert fusion.num_flops(dims) == flops
    assert fusion.num_params(dims) == sum(weight.numel() for weight in projector.parameters())
