"""Resamplers of published designs and of the founding articles, to the last digit."""

from __future__ import annotations

import pytest

from tests.fusion.checks import num_params, torch_flops
from tests.fusion.presets import native_dims, preset, published_presets
from vlcalc.fusion.base import FUSIONS, Dims, Fusion

KINDS = (
    "perceiver",
    "idefics2_connector",
    "q_former",
    "simplified_q_former",
    "cross_attention_resampler",
    "self_cross_resampler",
    "joint_resampler",
    "aria_projector",
    "spatial_aggregator",
)


def method(kind: str, **fields: object) -> Fusion:
    return FUSIONS.get(kind).model_validate({"kind": kind, **fields})


@pytest.mark.parametrize("name", published_presets("resampling"))
def test_presets_equal_what_was_published(name: str) -> None:
    spec = preset(name)
    dims = native_dims(spec)
    spec.fusion.check(dims)
    assert spec.name == name
    figures = {figure.metric: figure for figure in spec.published}
    assert spec.fusion.num_params(dims) == figures.pop("params").value
    assert num_params(spec.fusion.build(dims)) == spec.fusion.num_params(dims)
    assert all(figure.note for figure in figures.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_method_has_a_preset_of_its_name(kind: str) -> None:
    spec = preset(kind)
    assert (spec.fusion.kind, spec.native) == (kind, None)


# Parameters that a published count has more (+) or less (-) than the preset, and why.
PARTS = [
    ("blip2-qformer-1408", "params_without_queries", -32 * 768),
    ("blip2-qformer-1024", "params_without_queries", -32 * 768),
    ("blip2-qformer-stage1", "params_with_heads", 622_651 + 395_267),
    ("instructblip-qformer", "params_of_module", -32 * 768 - (768 + 1) * 4096 - 768),
    ("qwen-vl-adapter", "params_without_positions", -256 * 4096),
    ("qwen-vl-adapter", "params_of_layer", -256 * 4096 - (2 * 4096 + 4096**2)),
]


@pytest.mark.parametrize(("name", "metric", "difference"), PARTS)
def test_counts_with_other_bounds_differ_by_named_parts(
    name: str, metric: str, difference: int
) -> None:
    spec = preset(name)
    (figure,) = [figure for figure in spec.published if figure.metric == metric]
    assert spec.fusion.num_params(native_dims(spec)) + difference == figure.value


@pytest.mark.parametrize("size", ["8b", "13b", "34b"])
def test_cambrian_sampler(size: str) -> None:
    spec = preset(f"cambrian-{size}-sva")
    module = spec.fusion.build(native_dims(spec))
    figures = {figure.metric: figure.value for figure in spec.published}
    assert num_params(module.get_submodule("sampler")) == figures["params_of_sampler"]


@pytest.mark.parametrize(
    ("name", "to_ten_thousand"),
    [
        ("blip2-opt-2.7b-qformer", 107_130_000),
        ("blip2-opt-6.7b-qformer", 108_310_000),
        ("blip2-flan-t5-xl-qformer", 106_740_000),
        ("blip2-flan-t5-xxl-qformer", 108_310_000),
        ("blip2-opt-2.7b-vit-l-qformer", 103_590_000),
        ("blip2-flan-t5-xl-vit-l-qformer", 103_200_000),
    ],
)
def test_blip2_trainable_parameters_round_to_the_paper(name: str, to_ten_thousand: int) -> None:
    spec = preset(name)
    ours = spec.fusion.num_params(native_dims(spec))
    (printed,) = [f.value for f in spec.published if f.metric == "params_rounded"]
    assert round(ours, -4) == to_ten_thousand
    assert round(ours, -6) == printed


def test_idefics2_with_the_default_vision_width_of_transformers() -> None:
    spec = preset("idefics2-8b-connector")
    ours = spec.fusion.num_params(native_dims(spec)._replace(vision_width=768))
    assert round(ours, -5) == 732_200_000


# Modules of the founding articles: fields, dims, parameters, FLOPs, output shape.
ARTICLES = [
    (
        method("simplified_q_former", project=False),
        Dims(1408, 4096, 16, 16, num_prefix_tokens=1),
        (62_619_648, 10_011_082_752),
        (1, 32, 768),
    ),
    (
        method("simplified_q_former", depth=12, project=False),
        Dims(1408, 4096, 16, 16, num_prefix_tokens=1),
        (125_214_720, 20_022_165_504),
        (1, 32, 768),
    ),
    (
        method("self_cross_resampler"),
        Dims(1024, 256, 14, 14),
        (2_653_440, 714_604_544),
        (1, 64, 256),
    ),
    (
        method("self_cross_resampler", output_projection=True, feed_forward=True),
        Dims(1024, 256, 14, 14),
        (6_599_424, 1_217_921_024),
        (1, 64, 256),
    ),
    (
        method("self_cross_resampler", num_heads=16, output_projection=True, feed_forward=True),
        Dims(1024, 1024, 24, 24),
        (100_845_568, 26_776_436_736),
        (1, 64, 1024),
    ),
    (
        method("self_cross_resampler", num_heads=32, output_projection=True, feed_forward=True),
        Dims(1024, 4096, 24, 24),
        (1_615_540_224, 421_175_230_464),
        (1, 64, 4096),
    ),
]


@pytest.mark.parametrize(("fusion", "dims", "counts", "shape"), ARTICLES)
def test_modules_of_the_articles(
    fusion: Fusion, dims: Dims, counts: tuple[int, int], shape: tuple[int, ...]
) -> None:
    module, inputs = fusion.build(dims).eval(), fusion.example_inputs(dims)
    assert (num_params(module), torch_flops(module, inputs)) == counts
    assert (fusion.num_params(dims), fusion.num_flops(dims)) == counts
    assert tuple(module(*inputs).shape) == shape
