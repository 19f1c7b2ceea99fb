"""Every computed count of a fusion design whose structure is known, to the last parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vlcalc.modules.spatial_aggregator import AggregatorStack  # noqa: E402

from .helpers import built, num_params, read_json  # noqa: E402
from .published import (  # noqa: E402
    cambrian,
    gemma,
    idefics_block,
    internvl,
    merger,
    open_flamingo_block,
)

FUSION = {fact["id"]: fact["params"] for fact in read_json("fusion.json")["modules"]}
PARTS = read_json("bridge_parts.json")
QUERIES = 32 * 768
BERT = {"text_width": 768, "vocab_size": 30_522}

EXACT: dict[str, Callable[[], Any]] = {
    "visualbert": lambda: built("single_stream", vision_width=2048, **BERT),
    "fuyu-8b": lambda: built("raw_patch", patch_size=30, text_width=4096),
    "openflamingo-resampler": lambda: built("perceiver", vision_width=1024),
    "openflamingo-gated-block-2048": lambda: open_flamingo_block(2048),
    "openflamingo-gated-block-2560": lambda: open_flamingo_block(2560),
    "openflamingo-gated-block-4096": lambda: open_flamingo_block(4096),
    "llava-linear-7b": lambda: built("linear", vision_width=1024, text_width=4096),
    "llava-1.5-7b": lambda: built("mlp", vision_width=1024, text_width=4096),
    "llava-1.5-13b": lambda: built("mlp", vision_width=1024, text_width=5120),
    "paligemma-3b": lambda: built("linear", vision_width=1152, text_width=2048),
    "internvl2-8b-mlp1": lambda: internvl(1024, 4096),
    "qwen-vl-adapter": lambda: built(
        "cross_attention_resampler", vision_width=1664, text_width=4096, output_projection=False
    ),
    "qwen2-vl-7b-merger": lambda: merger(1280, 3584),
    "qwen2-vl-2b-merger": lambda: merger(1280, 1536),
    "qwen3-vl-8b-merger": lambda: merger(1152, 4096),
    "openvla-fused-mlp": lambda: built(
        "fused_mlp", vision_width=1024, extra_vision_widths=(1152,), text_width=4096
    ),
    "llama-3.2-11b-projector": lambda: built("linear", vision_width=7680, text_width=4096),
    "llama-3.2-90b": lambda: built("linear", vision_width=7680, text_width=8192),
    "honeybee-c-abs": lambda: built("c_abstractor", vision_width=1024, text_width=4096),
    "honeybee-d-abs": lambda: built("d_abstractor", vision_width=1024, text_width=4096),
    "mobilevlm-ldp": lambda: built("ldp", vision_width=1024, text_width=2048),
    "mobilevlm-v2-ldpv2": lambda: built("ldpv2", vision_width=1024, text_width=2048),
    "tokenpacker": lambda: built("token_packer", vision_width=1024, text_width=4096, num_levels=4),
    "cambrian-sva-sampler": lambda: AggregatorStack(
        query_width=1024, width=1024, window_sides=(1, 1, 1, 4), depth=3, num_heads=16
    ),
    "deepseek-ocr": lambda: built("linear", vision_width=2048, text_width=1280),
    "gmu": lambda: built("gating", vision_width=4096, text_width=300, hidden_width=512),
    "film": lambda: built("film", text_width=4096, vision_width=128, num_blocks=4),
}


@pytest.mark.parametrize("name", EXACT)
def test_parameters_equal_the_fact(name: str) -> None:
    with torch.device("meta"):
        assert num_params(EXACT[name]()) == FUSION[name]


SPELT_OUT: dict[str, tuple[Callable[[], Any], int]] = {
    # Counts that the facts give in words beside the main figure.
    "honeybee-c-abs 5120": (
        lambda: built("c_abstractor", vision_width=1024, text_width=5120),
        47_885_824,
    ),
    "ldp 2560": (lambda: built("ldp", vision_width=1024, text_width=2560), 28_913_920),
    "ldpv2 2560": (lambda: built("ldpv2", vision_width=1024, text_width=2560), 9_205_760),
    "tokenpacker 5120": (
        lambda: built("token_packer", vision_width=1024, text_width=5120, num_levels=4),
        47_210_496,
    ),
    "cambrian-8b": (lambda: cambrian(4096, 10), 300_008_448),
    "cambrian-13b": (lambda: cambrian(5120, 10), 331_468_800),
    "cambrian-34b": (lambda: cambrian(7168, 9), 372_332_544),
    "qwen-vl with output projection": (
        lambda: built("cross_attention_resampler", vision_width=1664, text_width=4096),
        91_791_360,
    ),
    "gemma3 2560": (lambda: gemma(2560), 2_950_272),
    "idefics-9b layer": (lambda: idefics_block(4096, 11_008), 179_314_946),
    # BERT-base, which VisualBERT is over its region features.
    "bert-base": (
        lambda: built("single_stream", vision_width=1024, **BERT),
        109_482_240 + PARTS["visualbert-nlvr2"]["visual_projection_and_embeddings"],
    ),
}


@pytest.mark.parametrize("name", SPELT_OUT)
def test_parameters_equal_the_figure_in_the_text(name: str) -> None:
    build, expected = SPELT_OUT[name]
    with torch.device("meta"):
        assert num_params(build()) == expected


@pytest.mark.parametrize(
    ("name", "width", "num_heads", "depth"),
    [
        ("flamingo-3B-xattn", 2048, 16, 24),
        ("flamingo-9B-xattn", 4096, 32, 10),
        ("flamingo-80B-xattn", 8192, 64, 12),
    ],
)
def test_flamingo_matrices(name: str, width: int, num_heads: int, depth: int) -> None:
    """The recount leaves out norms and gates: matrices alone."""
    with torch.device("meta"):
        blocks = built(
            "gated_xattn_dense",
            text_width=width,
            vision_width=1536,
            text_depth=depth,
            every=1,
            project=False,
            num_heads=num_heads,
            head_dim=128,
            activation="squared_relu",
        )
    matrices = sum(weight.numel() for weight in blocks.parameters() if weight.ndim == 2)
    assert matrices == FUSION[name]
    assert num_params(blocks) == matrices + depth * (4 * width + 2)


@pytest.mark.parametrize(
    ("name", "vision_width"), [("blip2-qformer-1408", 1408), ("blip2-qformer-1024", 1024)]
)
def test_qformer_without_its_queries(name: str, vision_width: int) -> None:
    with torch.device("meta"):
        module = built("q_former", vision_width=vision_width)
    assert num_params(module) - QUERIES == FUSION[name]


def test_instructblip_qformer_without_its_queries() -> None:
    with torch.device("meta"):
        module = built("q_former", vision_width=1408, text_branch=True)
    assert num_params(module) - QUERIES == FUSION["instructblip-qformer"]


@pytest.mark.parametrize(
    ("name", "vision_width", "text_width"),
    [
        ("blip2-trainable OPT-2.7B, ViT-g", 1408, 2560),
        ("blip2-trainable OPT-6.7B, ViT-g", 1408, 4096),
        ("blip2-trainable FlanT5-XL, ViT-g", 1408, 2048),
        ("blip2-trainable FlanT5-XXL, ViT-g", 1408, 4096),
        ("blip2-trainable OPT-2.7B, ViT-L", 1024, 2560),
        ("blip2-trainable FlanT5-XL, ViT-L", 1024, 2048),
    ],
)
def test_blip2_trainable(name: str, vision_width: int, text_width: int) -> None:
    with torch.device("meta"):
        module = built("q_former", vision_width=vision_width, text_width=text_width)
    assert round(num_params(module), -4) == FUSION[name]


def test_ovis_table_and_head() -> None:
    with torch.device("meta"):
        module = built("visual_embedding_table", vision_width=1152, text_width=4096)
    assert module.table.numel() == FUSION["ovis-vte"]
    head = num_params(module.head) + num_params(module.head_norm)
    assert head == 4 * 1152 * 65_532 + 2 * 65_532  # 302.1 M


BILINEAR: dict[str, tuple[str, dict[str, int | None], int]] = {
    # Name: method, its options, the count for [4800, 4096] -> 3000 rounded to 10,000.
    "bilinear-linear_sum": ("linear_sum", {}, 14_280_000),
    "bilinear-mlb": ("mlb", {}, 14_280_000),
    "bilinear-mutan": ("mutan", {}, 18_150_000),
    "bilinear-mfb": ("mfb", {}, 47_490_000),
    "bilinear-mfh": ("mfh", {}, 32_300_000),
    "bilinear-block": ("block", {}, 23_350_000),
    # The configuration that the count belongs to has a joint width of 700, not 1,600.
    "bilinear-block_tucker": (
        "block",
        {"joint_width": 700, "num_chunks": 20, "rank": None},
        9_190_000,
    ),
    "bilinear-tucker": ("tucker", {}, 15_780_000),
}


@pytest.mark.parametrize("name", BILINEAR)
def test_bilinear_pooling(name: str) -> None:
    kind, options, larger = BILINEAR[name]
    with torch.device("meta"):
        small = built(kind, vision_width=2048, text_width=4800, output_width=1000, **options)
        large = built(kind, vision_width=4096, text_width=4800, output_width=3000, **options)
    assert round(num_params(small), -4) == FUSION[name]
    assert round(num_params(large), -4) == larger


def test_clip_similarity_head_completes_the_towers() -> None:
    vision_tower, text_tower = 303_179_776, 123_060_480
    head = sum(PARTS["clip-vit-l-14"].values())
    assert vision_tower + text_tower + head == FUSION["clip-vit-l14"]


def test_every_computed_fact_is_covered() -> None:
    elsewhere = {
        "clip-vit-l14",
        "ovis-vte",
        "instructblip-qformer",
        "blip2-qformer-1408",
        "blip2-qformer-1024",
    }
    computed = {name for name, params in FUSION.items() if params is not None}
    covered = elsewhere | set(EXACT) | set(BILINEAR)
    covered |= {name for name in computed if name.startswith(("flamingo-", "blip2-trainable"))}
    assert computed == covered
