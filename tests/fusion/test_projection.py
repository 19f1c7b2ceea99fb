"""Projectors, mergers, poolers, abstractors: closed forms against modules at random sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fusion.checks import assert_counts, assert_image_tokens
from vlcalc.fusion import choices
from vlcalc.fusion.base import FUSIONS, Dims, Fusion
from vlcalc.modules import primitives

Draw = Callable[[st.SearchStrategy[Any]], Any]

COUNT = st.integers(1, 4)
WIDTH = st.integers(4, 48)
ACTIVATION = st.sampled_from(get_args(choices.Activation))
NORM = st.sampled_from(get_args(choices.Norm))
SEVERAL_OUTPUTS = ("deepstack_merger", "matryoshka")


def make(kind: str, **fields: Any) -> Fusion:
    return FUSIONS.get(kind).model_validate({"kind": kind, **fields})


def some_dims(draw: Draw, columns: int, rows: int | None = None) -> Dims:
    return Dims(
        vision_width=draw(WIDTH),
        text_width=draw(WIDTH),
        columns=columns,
        rows=columns if rows is None else rows,
        num_views=draw(COUNT),
        batch_size=draw(st.integers(1, 3)),
    )


def free(draw: Draw) -> Dims:
    return some_dims(draw, draw(st.integers(1, 9)), draw(st.integers(1, 9)))


def windows(draw: Draw, side: int) -> Dims:
    return some_dims(draw, side * draw(COUNT), side * draw(COUNT))


def linear(draw: Draw) -> tuple[Fusion, Dims]:
    widths = tuple(draw(st.lists(WIDTH, max_size=2)))
    fusion = make(
        "linear",
        extra_vision_widths=widths,
        bias=draw(st.booleans()),
        keep_prefix=draw(st.booleans()),
    )
    return fusion, free(draw)._replace(num_prefix_tokens=draw(st.integers(0, 2)))


def mlp(draw: Draw) -> tuple[Fusion, Dims]:
    fusion = make(
        "mlp",
        depth=draw(COUNT),
        hidden_width=draw(st.none() | WIDTH),
        input_norm=draw(st.none() | NORM),
        activation=draw(ACTIVATION),
        bias=draw(st.booleans()),
    )
    return fusion, free(draw)


def fused_mlp(draw: Draw) -> tuple[Fusion, Dims]:
    widths = tuple(draw(st.lists(WIDTH, max_size=3)))
    return make("fused_mlp", extra_vision_widths=widths, expansion=draw(COUNT)), free(draw)


def hybrid_mlp(draw: Draw) -> tuple[Fusion, Dims]:
    dims = free(draw)
    return make("hybrid_mlp", high_res_width=draw(WIDTH)), dims._replace(
        text_width=2 * dims.text_width
    )


def grouped(draw: Draw) -> tuple[Fusion, Dims]:
    ratio = draw(st.integers(1, 6))
    fusion = make("grouped", compress_ratio=ratio, depth=draw(COUNT), activation=draw(ACTIVATION))
    return fusion, some_dims(draw, ratio * draw(COUNT), draw(COUNT))


def pixel_shuffle(draw: Draw) -> tuple[Fusion, Dims]:
    factor = draw(COUNT)
    fusion = make(
        "pixel_shuffle",
        factor=factor,
        depth=draw(COUNT),
        gated=draw(st.booleans()),
        input_norm=draw(st.none() | NORM),
        activation=draw(ACTIVATION),
        bias=draw(st.booleans()),
    )
    return fusion, windows(draw, factor)


def patch_merger(draw: Draw) -> tuple[Fusion, Dims]:
    side = draw(COUNT)
    fusion = make(
        "patch_merger", merge_size=side, norm=draw(NORM), norm_after_merge=draw(st.booleans())
    )
    return fusion, windows(draw, side)


def gated_merger(draw: Draw) -> tuple[Fusion, Dims]:
    side = draw(COUNT)
    fusion = make("gated_merger", merge_size=side, hidden_width=draw(WIDTH))
    return fusion, windows(draw, side)


def deepstack_merger(draw: Draw) -> tuple[Fusion, Dims]:
    side = draw(st.integers(1, 3))
    return make("deepstack_merger", merge_size=side, num_levels=draw(COUNT)), windows(draw, side)


def merging_projector(draw: Draw) -> tuple[Fusion, Dims]:
    side = draw(COUNT)
    fusion = make(
        "merging_projector",
        merge_size=side,
        activation=draw(ACTIVATION),
        bias=draw(st.booleans()),
    )
    return fusion, windows(draw, side)


def pooled_projector(draw: Draw) -> tuple[Fusion, Dims]:
    columns, rows, factor = draw(COUNT), draw(COUNT), draw(COUNT)
    pool = draw(st.sampled_from(["average", "adaptive", "bilinear"]))
    fusion = make(
        "pooled_projector",
        pooled_columns=columns,
        pooled_rows=rows,
        pool=pool,
        depth=draw(COUNT),
        pool_first=draw(st.booleans()),
    )
    even = some_dims(draw, columns * factor, rows * draw(COUNT))
    return fusion, even if pool == "average" else free(draw)


def attention_pooling(draw: Draw) -> tuple[Fusion, Dims]:
    side = draw(COUNT)
    fusion = make(
        "attention_pooling",
        pool_size=side,
        num_heads=draw(COUNT),
        head_dim=draw(st.integers(1, 9)),
        hidden_width=draw(WIDTH),
    )
    return fusion, windows(draw, side)


def gemma_projector(draw: Draw) -> tuple[Fusion, Dims]:
    columns, rows = draw(COUNT), draw(COUNT)
    fusion = make("gemma_projector", pooled_columns=columns, pooled_rows=rows)
    return fusion, some_dims(draw, columns * draw(COUNT), rows * draw(COUNT))


def matryoshka(draw: Draw) -> tuple[Fusion, Dims]:
    side = draw(st.sampled_from([1, 2, 6, 8, 12]))
    sides = tuple(each for each in range(1, side + 1) if side % each == 0)
    fusion = make(
        "matryoshka", pooled_sides=sides, used_side=draw(st.sampled_from(sides)), depth=draw(COUNT)
    )
    return fusion, some_dims(draw, side)


def c_abstractor(draw: Draw) -> tuple[Fusion, Dims]:
    dims = some_dims(draw, draw(st.integers(1, 7)))
    fusion = make(
        "c_abstractor",
        num_queries=draw(COUNT) ** 2,
        hidden_width=draw(st.just(dims.vision_width) | WIDTH),
        depth=draw(st.integers(1, 3)),
        mlp_depth=draw(COUNT),
    )
    return fusion, dims


def d_abstractor(draw: Draw) -> tuple[Fusion, Dims]:
    heads = draw(COUNT)
    width = heads * draw(st.integers(1, 12))
    dims = some_dims(draw, draw(st.integers(1, 7)))
    fusion = make(
        "d_abstractor",
        num_queries=draw(COUNT) ** 2,
        hidden_width=width,
        depth=draw(st.integers(1, 3)),
        num_heads=heads,
        num_points=draw(COUNT),
        feed_forward_width=draw(WIDTH),
    )
    return fusion, dims._replace(vision_width=draw(st.just(width) | WIDTH))


def ldp(draw: Draw) -> tuple[Fusion, Dims]:
    dims = some_dims(draw, draw(st.integers(1, 9)))
    return make("ldp"), dims._replace(text_width=draw(st.integers(1, 400)))


def ldpv2(draw: Draw) -> tuple[Fusion, Dims]:
    return make("ldpv2", pooled_side=draw(COUNT)), some_dims(draw, draw(st.integers(1, 9)))


def token_packer(draw: Draw) -> tuple[Fusion, Dims]:
    scale, heads = draw(st.integers(1, 3)), draw(COUNT)
    fusion = make(
        "token_packer",
        scale=scale,
        num_levels=draw(COUNT),
        hidden_width=heads * draw(st.integers(1, 12)),
        num_heads=heads,
    )
    return fusion, some_dims(draw, scale * draw(COUNT))


def visual_embedding_table(draw: Draw) -> tuple[Fusion, Dims]:
    indicators = draw(st.integers(0, 5))
    fusion = make(
        "visual_embedding_table",
        num_codes=indicators + draw(st.integers(1, 90)),
        num_indicators=indicators,
        merge_size=draw(st.integers(1, 3)),
    )
    return fusion, some_dims(draw, draw(st.integers(1, 9)))


STRATEGIES = (
    linear,
    mlp,
    fused_mlp,
    hybrid_mlp,
    grouped,
    pixel_shuffle,
    patch_merger,
    gated_merger,
    deepstack_merger,
    merging_projector,
    pooled_projector,
    attention_pooling,
    gemma_projector,
    matryoshka,
    c_abstractor,
    d_abstractor,
    ldp,
    ldpv2,
    token_packer,
    visual_embedding_table,
)
KINDS = tuple(strategy.__name__ for strategy in STRATEGIES)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_closed_form_is_what_the_module_has(
    strategy: Callable[[Draw], tuple[Fusion, Dims]], data: st.DataObject
) -> None:
    fusion, dims = strategy(data.draw)
    fusion.check(dims)
    assert_counts(fusion, dims)
    if fusion.kind not in SEVERAL_OUTPUTS:
        assert_image_tokens(fusion, dims)


def test_only_the_first_output_of_deepstack_takes_positions() -> None:
    fusion, dims = make("deepstack_merger", num_levels=2), Dims(8, 12, 4, 6, num_views=3)
    first, *levels = fusion.build(dims)(*fusion.example_inputs(dims))
    assert fusion.num_image_tokens(dims) == first.shape[0] * first.shape[1] == 18
    assert [level.shape for level in levels] == [first.shape] * 2


@pytest.mark.parametrize("used_side", [1, 3, 6, 12, 24])
def test_matryoshka_gives_every_nested_size_and_uses_one(used_side: int) -> None:
    fusion, dims = make("matryoshka", used_side=used_side), Dims(8, 12, 24, 24, num_views=2)
    outputs = fusion.build(dims)(*fusion.example_inputs(dims))
    assert [out.shape for out in outputs] == [(2, n, 12) for n in (1, 9, 36, 144, 576)]
    assert fusion.num_image_tokens(dims) == 2 * used_side**2


def test_choices_are_those_of_the_modules() -> None:
    assert get_args(choices.Activation) == get_args(primitives.Activation)
    assert get_args(choices.Norm) == get_args(primitives.Norm)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=KINDS)
@settings(max_examples=2, deadline=None, derandomize=True)
@given(data=st.data())
def test_forward_pass_on_the_cpu_is_finite(
    strategy: Callable[[Draw], tuple[Fusion, Dims]], data: st.DataObject
) -> None:
    fusion, dims = strategy(data.draw)
    with torch.no_grad():
        out = fusion.build(dims, "cpu")(*fusion.example_inputs(dims, "cpu"))
    for each in out if isinstance(out, tuple) else (out,):
        assert torch.isfinite(each).all()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("mlp", {}),
        ("fused_mlp", {"extra_vision_widths": (8,)}),
        ("grouped", {"compress_ratio": 2}),
        ("pixel_shuffle", {}),
        ("merging_projector", {}),
        ("pooled_projector", {"pooled_columns": 2, "pooled_rows": 2}),
        ("matryoshka", {"pooled_sides": (2,), "used_side": 2}),
    ],
)
def test_activation_reaches_the_module(kind: str, fields: dict[str, Any]) -> None:
    module = make(kind, **fields, activation="squared_relu").build(Dims(8, 12, 4, 4))
    assert any(isinstance(part, primitives.SquaredReLU) for part in module.modules())


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("mlp", {"input_norm": "rms"}),
        ("patch_merger", {}),
        ("merging_projector", {}),
        ("gemma_projector", {"pooled_columns": 2, "pooled_rows": 2}),
    ],
)
def test_eps_reaches_the_norm(kind: str, fields: dict[str, Any]) -> None:
    module = make(kind, **fields, eps=0.125).build(Dims(8, 12, 4, 4))
    assert [part.eps for part in module.modules() if hasattr(part, "eps")] == [0.125]
