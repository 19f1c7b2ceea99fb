"""Layers inside the language model: counts, positions, nested resamplers, identity at the start."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.fusion.checks import assert_counts, num_params, torch_flops
from tests.fusion.presets import native_dims, preset, published_presets
from vlcalc.core.errors import InputError
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.modules.primitives import TanhGate

SIZES = st.integers(1, 3)
KINDS = ("cross_attention", "gated_cross_attention", "gated_xattn_dense")
SMALL = {"head_dim": 4, "num_heads": 2}
LATENTS = {"kind": "perceiver", "depth": 2, "num_latents": 3, **SMALL, "project": False}
RESAMPLERS = [
    None,
    LATENTS,
    {**LATENTS, "num_frames": 3, "keep_prefix": True},
    {**LATENTS, "project": True},
    {"kind": "q_former", "width": 6, "depth": 3, "num_heads": 2, "num_queries": 2},
    {"kind": "q_former", "width": 4, "depth": 1, "num_heads": 1, "text_branch": True},
    {"kind": "simplified_q_former", "width": 6, "depth": 1, "num_heads": 3, "project": False},
    {"kind": "idefics2_connector", "depth": 1, "num_kv_heads": 8, "hidden_width": 5},
]
DIMS = Dims(16, 24, 3, 2, num_views=2, num_text_tokens=5, text_depth=4, batch_size=2)


def method(kind: str, **fields: object) -> InsertedLayers:
    fusion = FUSIONS.get(kind).model_validate({"kind": kind, **fields})
    assert isinstance(fusion, InsertedLayers)
    return fusion


@st.composite
def any_dims(draw: st.DrawFn) -> Dims:
    return Dims(
        vision_width=draw(st.integers(1, 20)),
        text_width=6 * draw(st.integers(1, 4)),
        columns=draw(SIZES),
        rows=draw(SIZES),
        num_views=draw(st.integers(1, 3)),
        num_prefix_tokens=draw(st.integers(0, 2)),
        num_text_tokens=draw(st.integers(1, 6)),
        text_depth=draw(st.integers(3, 6)),
        batch_size=draw(st.integers(1, 3)),
    )


@st.composite
def shared_fields(draw: st.DrawFn) -> dict[str, object]:
    places = draw(
        st.one_of(
            st.fixed_dictionaries({"every": SIZES, "first": st.integers(0, 2)}),
            st.fixed_dictionaries({"positions": st.sampled_from([(0,), (0, 2), (1, 2)])}),
        )
    )
    return {
        **places,
        "num_markers": draw(st.integers(0, 2)),
        "keep_prefix": draw(st.booleans()),
        "project": draw(st.booleans()),
        "resampler": draw(st.sampled_from(RESAMPLERS)),
    }


@st.composite
def plain_layers(draw: st.DrawFn) -> InsertedLayers:
    return method(
        draw(st.sampled_from(["cross_attention", "gated_cross_attention"])),
        **draw(shared_fields()),
        num_heads=draw(st.sampled_from([1, 2, 3])),
        head_dim=draw(st.sampled_from([None, 1, 5])),
        bias=draw(st.booleans()),
        out_bias=draw(st.booleans()),
    )


@st.composite
def dense_layers(draw: st.DrawFn) -> InsertedLayers:
    return method(
        "gated_xattn_dense",
        **draw(shared_fields()),
        num_heads=draw(st.sampled_from([2, 4])),
        head_dim=draw(st.integers(1, 6)),
        num_kv_heads=draw(st.sampled_from([None, 1, 2])),
        hidden_width=draw(st.none() | st.integers(1, 30)),
        activation=draw(st.sampled_from(["gelu", "squared_relu", "silu"])),
        gated=draw(st.booleans()),
        norm=draw(st.sampled_from(["layer", "rms"])),
        qk_norm=draw(st.sampled_from([None, "layer", "rms"])),
        vector_gates=draw(st.booleans()),
    )


@settings(max_examples=25, deadline=None)
@given(plain_layers(), any_dims())
def test_counts_of_cross_attention_layers(fusion: InsertedLayers, dims: Dims) -> None:
    fusion.check(dims)
    assert_counts(fusion, dims)


@settings(max_examples=25, deadline=None)
@given(dense_layers(), any_dims())
def test_counts_of_gated_dense_layers(fusion: InsertedLayers, dims: Dims) -> None:
    fusion.check(dims)
    assert_counts(fusion, dims)


@settings(max_examples=25, deadline=None)
@given(st.one_of(plain_layers(), dense_layers()), any_dims())
def test_text_keeps_its_shape_and_context_is_what_layers_attend_to(
    fusion: InsertedLayers, dims: Dims
) -> None:
    module = fusion.build(dims).eval()
    text, visual = fusion.example_inputs(dims)
    assert module(text, visual).shape == text.shape
    assert text.shape[1] == dims.num_text_tokens + fusion.num_image_tokens(dims)
    resampler = module.get_submodule("resampler") if fusion.resampler else None
    read = visual if resampler is None else resampler(visual)
    assert read.shape[0] * read.shape[1] == dims.batch_size * fusion.num_context_tokens(dims)


@pytest.mark.parametrize("resampler", RESAMPLERS[:4])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("gated_cross_attention", {}),
        ("gated_cross_attention", {"bias": True, "project": True}),
        ("gated_xattn_dense", {}),
        ("gated_xattn_dense", {"activation": "squared_relu"}),
        ("gated_xattn_dense", {"norm": "rms", "qk_norm": "rms", "gated": True}),
        ("gated_xattn_dense", {"num_kv_heads": 1, "project": True, "vector_gates": True}),
    ],
)
def test_fresh_gates_leave_the_text_as_it_was(
    kind: str, options: dict[str, object], resampler: dict[str, object] | None
) -> None:
    torch.manual_seed(0)
    fusion = method(kind, every=2, resampler=resampler, **SMALL, **options)
    module = fusion.build(DIMS, "cpu").eval()
    text, visual = fusion.example_inputs(DIMS, "cpu")
    assert torch.equal(module(text, visual), text)
    for gate in module.modules():
        if isinstance(gate, TanhGate):
            torch.nn.init.ones_(gate.alpha)
    assert not torch.equal(module(text, visual), text)


def test_layers_without_a_gate_change_the_text_at_once() -> None:
    torch.manual_seed(0)
    fusion = method("cross_attention", **SMALL)
    text, visual = fusion.example_inputs(DIMS, "cpu")
    assert not torch.equal(fusion.build(DIMS, "cpu")(text, visual), text)


def test_each_prompt_reads_the_views_of_its_own_image() -> None:
    torch.manual_seed(0)
    fusion = method("cross_attention", resampler=LATENTS, **SMALL)
    module = fusion.build(DIMS, "cpu").eval()
    text, visual = fusion.example_inputs(DIMS, "cpu")
    together = module(text, visual)
    alone = [module(text[i : i + 1], visual[2 * i : 2 * i + 2]) for i in range(2)]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("name", published_presets("inside_llm"))
def test_presets_equal_what_was_published(name: str) -> None:
    spec = preset(name)
    dims = native_dims(spec)
    spec.fusion.check(dims)
    assert spec.name == name
    figures = {figure.metric: figure for figure in spec.published}
    assert spec.fusion.num_params(dims) == figures.pop("params").value
    assert num_params(spec.fusion.build(dims)) == spec.fusion.num_params(dims)
    assert all(figure.note or figure.metric == "params" for figure in figures.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_method_has_a_preset_of_its_name(kind: str) -> None:
    spec = preset(kind)
    assert (spec.fusion.kind, spec.native) == (kind, None)


# Parameters that a published count has more (+) or less (-) than the preset.
PARTS = [
    ("flamingo-3b-xattn", "params_of_matrices", -24 * (4 * 2048 + 2)),
    ("flamingo-9b-xattn", "params_of_matrices", -10 * (4 * 4096 + 2)),
    ("flamingo-80b-xattn", "params_of_matrices", -12 * (4 * 8192 + 2)),
    ("idefics-9b", "params_with_embeddings", 4 * 4096),
    ("idefics-80b", "params_with_embeddings", 4 * 8192),
    ("llama-3.2-11b-xattn", "params_of_projector", -1_744_898_064),
    ("llama-3.2-11b-xattn", "params_of_layers", -(7680 + 1) * 4096),
    ("llama-3.2-90b-xattn", "params_of_projector", -17_113_093_160),
    ("llama-3.2-90b-xattn", "params_of_layers", -(7680 + 1) * 8192),
]


@pytest.mark.parametrize(("name", "metric", "difference"), PARTS)
def test_counts_with_other_bounds_differ_by_named_parts(
    name: str, metric: str, difference: int
) -> None:
    spec = preset(name)
    (figure,) = [figure for figure in spec.published if figure.metric == metric]
    assert spec.fusion.num_params(native_dims(spec)) + difference == figure.value


@pytest.mark.parametrize(
    ("name", "positions"),
    [
        ("flamingo-3b", range(24)),
        ("flamingo-9b", [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]),
        ("flamingo-80b", [0, 7, 14, 21, 28, 35, 42, 49, 56, 63, 70, 77]),
        ("openflamingo-9b", [3, 7, 11, 15, 19, 23, 27, 31]),
        ("idefics-9b", [0, 4, 8, 12, 16, 20, 24, 28]),
        ("idefics-80b", range(0, 80, 4)),
    ],
)
def test_positions_of_the_published_designs(name: str, positions: list[int]) -> None:
    spec = preset(name)
    assert isinstance(spec.fusion, InsertedLayers)
    assert spec.fusion.layer_positions(native_dims(spec)) == tuple(positions)


@pytest.mark.parametrize(("size", "merged_depth"), [("11b", 40), ("90b", 100)])
def test_llama_positions_are_3_8_13_once_the_inserted_layers_count(
    size: str, merged_depth: int
) -> None:
    spec = preset(f"llama-3.2-{size}-xattn")
    assert isinstance(spec.fusion, InsertedLayers)
    own = spec.fusion.layer_positions(native_dims(spec))
    assert [before + i for i, before in enumerate(own)] == list(range(3, merged_depth, 5))


def test_context_tokens_of_the_published_designs() -> None:
    for name, context in (("flamingo-9b", 64), ("idefics-9b", 64), ("llama-3.2-11b-xattn", 6404)):
        spec = preset(name)
        dims = native_dims(spec)
        assert (spec.fusion.num_image_tokens(dims), spec.fusion.num_context_tokens(dims)) == (
            1,
            context,
        )
        assert spec.fusion.llm_modified


# Modules of the founding articles: method, dims, parameters, FLOPs, output shape.
ONE = {"positions": (0,), "num_markers": 0}
ARTICLES = [
    (
        method("cross_attention", **ONE, num_heads=16, head_dim=64),
        Dims(1024, 4096, 16, 16, num_text_tokens=50),
        (10_489_856, 1_965_031_424),
    ),
    (
        method("gated_cross_attention", **ONE, num_heads=16, head_dim=64),
        Dims(1024, 4096, 16, 16, num_text_tokens=50),
        (10_498_049, 1_965_031_424),
    ),
    (
        method("cross_attention", **ONE, num_heads=8, bias=True),
        Dims(512, 512, 14, 14, num_text_tokens=10),
        (1_050_624, 220_020_736),
    ),
    (
        method("gated_cross_attention", **ONE, num_heads=32, bias=True),
        Dims(4096, 4096, 8, 8, num_text_tokens=50),
        (67_133_441, 7_702_839_296),
    ),
    (
        method(
            "gated_cross_attention", every=1, num_markers=0, num_heads=4, bias=True, project=True
        ),
        Dims(1024, 256, 14, 14, num_text_tokens=20, text_depth=4),
        (1_317_124, 345_309_184),
    ),
]


@pytest.mark.parametrize(("fusion", "dims", "counts"), ARTICLES)
def test_modules_of_the_articles(
    fusion: InsertedLayers, dims: Dims, counts: tuple[int, int]
) -> None:
    module, inputs = fusion.build(dims).eval(), fusion.example_inputs(dims)
    assert (num_params(module), torch_flops(module, inputs)) == counts
    assert (fusion.num_params(dims), fusion.num_flops(dims)) == counts
    assert tuple(module(*inputs).shape) == (1, dims.num_text_tokens, dims.text_width)


@pytest.mark.parametrize("kind", ["cross_attention", "gated_cross_attention"])
def test_heads_must_divide_the_text_width(kind: str) -> None:
    with pytest.raises(InputError, match=r"`num_heads` that divides `text_width` \(4096\), got 30"):
        method(kind, num_heads=30).check(Dims(1024, 4096, 24, 24))


@pytest.mark.parametrize(
    ("fields", "dims", "message"),
    [
        ({"num_kv_heads": 3}, {}, r"`num_kv_heads` that divides `num_heads` \(8\), got 3"),
        ({"first": 4}, {"text_depth": 4}, r"`first` below `text_depth` \(4\), got 4"),
        ({"positions": (0, 9)}, {"text_depth": 8}, r"`positions` below `text_depth` \(8\), got 9"),
        (
            {"resampler": {"kind": "q_former", "num_heads": 7}},
            {},
            r"`num_heads` that divides `width` \(768\), got 7",
        ),
    ],
)
def test_impossible_dims_are_refused(
    fields: dict[str, object], dims: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        method("gated_xattn_dense", **fields).check(Dims(16, 24, 2, 2)._replace(**dims))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"positions": (1,), "every": 2}, "expected `positions`, or `every` and `first`, not both"),
        ({"positions": (4, 2)}, "expected `positions` that ascend"),
        ({"positions": ()}, "expected `positions` that ascend"),
        ({"resampler": {"kind": "linear"}}, "expected a resampler"),
    ],
)
def test_contradictory_fields_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        method("gated_xattn_dense", **fields)
