"""Resamplers: closed form == module on meta; token rules; dims that are refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fusion.checks import assert_counts, assert_image_tokens
from vlcalc.core.errors import InputError
from vlcalc.fusion.base import FUSIONS, Dims, Fusion

SIZES = st.integers(1, 3)
WIDTHS = st.sampled_from([8, 16, 24, 40])


def method(kind: str, **fields: object) -> Fusion:
    return FUSIONS.get(kind).model_validate({"kind": kind, **fields})


@st.composite
def any_dims(draw: st.DrawFn, *, square: bool = False) -> Dims:
    columns = draw(SIZES)
    return Dims(
        vision_width=draw(WIDTHS),
        text_width=draw(WIDTHS),
        columns=columns,
        rows=columns if square else draw(SIZES),
        num_views=draw(st.integers(1, 3)),
        num_prefix_tokens=draw(st.integers(0, 2)),
        num_text_tokens=draw(st.integers(0, 5)),
        batch_size=draw(st.integers(1, 3)),
    )


@st.composite
def perceivers(draw: st.DrawFn) -> Fusion:
    kv_heads = draw(st.sampled_from([None, 1, 2]))
    return method(
        "perceiver",
        depth=draw(SIZES),
        num_heads=2 * draw(st.integers(1, 2)),
        head_dim=draw(st.integers(1, 9)),
        num_latents=draw(SIZES),
        num_kv_heads=kv_heads,
        expansion=draw(st.integers(1, 4)),
        num_frames=draw(st.sampled_from([0, 3, 5])),
        activation=draw(st.sampled_from(["gelu", "squared_relu", "relu"])),
        gated=draw(st.booleans()),
        norm=draw(st.sampled_from(["layer", "rms"])),
        qk_norm=draw(st.sampled_from([None, "layer", "rms"])),
        project=draw(st.booleans()),
        keep_prefix=draw(st.booleans()),
    )


@st.composite
def idefics2_connectors(draw: st.DrawFn) -> Fusion:
    return method(
        "idefics2_connector",
        hidden_width=draw(st.integers(1, 30)),
        depth=draw(SIZES),
        num_heads=2 * draw(st.integers(1, 2)),
        head_dim=draw(st.integers(1, 9)),
        num_kv_heads=draw(st.integers(1, 2)),
        num_latents=draw(SIZES),
    )


@st.composite
def q_formers(draw: st.DrawFn) -> Fusion:
    heads = draw(st.integers(1, 3))
    return method(
        "q_former",
        width=heads * draw(st.integers(1, 6)),
        depth=draw(SIZES),
        num_heads=heads,
        num_queries=draw(SIZES),
        hidden_width=draw(st.integers(1, 20)),
        cross_attention_every=draw(st.integers(1, 3)),
        text_branch=draw(st.booleans()),
        vocab_size=draw(st.integers(1, 50)),
        max_positions=draw(st.integers(5, 20)),
        project=draw(st.booleans()),
        keep_prefix=draw(st.booleans()),
    )


@st.composite
def simplified_q_formers(draw: st.DrawFn) -> Fusion:
    heads = draw(st.integers(1, 3))
    return method(
        "simplified_q_former",
        width=heads * draw(st.integers(1, 6)),
        depth=draw(SIZES),
        num_heads=heads,
        num_queries=draw(SIZES),
        hidden_width=draw(st.integers(1, 20)),
        project=draw(st.booleans()),
        keep_prefix=draw(st.booleans()),
    )


@st.composite
def cross_attention_resamplers(draw: st.DrawFn) -> Fusion:
    return method(
        "cross_attention_resampler",
        num_queries=draw(SIZES) ** 2,
        num_heads=draw(st.sampled_from([1, 2, 4, 8])),
        output_projection=draw(st.booleans()),
        position_parameter=draw(st.booleans()),
    )


@st.composite
def resamplers_of_any_grid(draw: st.DrawFn) -> Fusion:
    return method(
        "cross_attention_resampler",
        num_queries=draw(st.integers(1, 7)),
        num_heads=draw(st.sampled_from([1, 2, 4, 8])),
        output_projection=draw(st.booleans()),
        query_positions=False,
    )


@st.composite
def self_cross_resamplers(draw: st.DrawFn) -> Fusion:
    return method(
        "self_cross_resampler",
        num_queries=draw(SIZES),
        depth=draw(SIZES),
        num_heads=draw(st.sampled_from([1, 2, 4, 8])),
        output_projection=draw(st.booleans()),
        feed_forward=draw(st.booleans()),
    )


@st.composite
def joint_resamplers(draw: st.DrawFn) -> Fusion:
    return method(
        "joint_resampler",
        num_latents=draw(SIZES),
        num_heads=draw(st.sampled_from([1, 2, 4, 8])),
        keep_prefix=draw(st.booleans()),
    )


@st.composite
def aria_projectors(draw: st.DrawFn) -> Fusion:
    queries = draw(SIZES)
    return method(
        "aria_projector",
        num_queries=queries,
        used_queries=draw(st.integers(0, queries)),
        num_heads=draw(st.sampled_from([1, 2, 4, 8])),
    )


@st.composite
def spatial_aggregators(draw: st.DrawFn) -> Fusion:
    sides = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    widths = st.lists(WIDTHS, min_size=len(sides), max_size=len(sides))
    heads = draw(st.integers(1, 3))
    return method(
        "spatial_aggregator",
        window_sides=tuple(sides),
        vision_widths=draw(st.none() | widths.map(tuple)),
        num_queries=draw(st.integers(1, 3)) ** 2,
        width=heads * draw(st.integers(1, 6)),
        depth=draw(st.integers(1, 2)),
        num_heads=heads,
        num_inserted=draw(st.integers(0, 2)),
    )


def _hold(fusion: Fusion, dims: Dims) -> None:
    fusion.check(dims)
    assert_counts(fusion, dims)
    if fusion.num_image_tokens(dims):
        assert_image_tokens(fusion, dims)


@settings(max_examples=25, deadline=None)
@given(
    st.one_of(
        idefics2_connectors(),
        simplified_q_formers(),
        self_cross_resamplers(),
        joint_resamplers(),
        resamplers_of_any_grid(),
        aria_projectors(),
    ),
    any_dims(),
)
def test_counts_of_plain_resamplers(fusion: Fusion, dims: Dims) -> None:
    _hold(fusion, dims)


@settings(max_examples=25, deadline=None)
@given(perceivers(), any_dims())
def test_counts_of_perceivers(fusion: Fusion, dims: Dims) -> None:
    _hold(fusion, dims)


@settings(max_examples=25, deadline=None)
@given(q_formers(), any_dims())
def test_counts_of_q_formers(fusion: Fusion, dims: Dims) -> None:
    _hold(fusion, dims)


@settings(max_examples=25, deadline=None)
@given(cross_attention_resamplers(), any_dims(square=True))
def test_counts_of_cross_attention_resamplers(fusion: Fusion, dims: Dims) -> None:
    _hold(fusion, dims)


@settings(max_examples=25, deadline=None)
@given(spatial_aggregators(), any_dims())
def test_counts_of_spatial_aggregators(fusion: Fusion, dims: Dims) -> None:
    _hold(fusion, dims)


def test_latents_without_projection_are_context_tokens() -> None:
    dims = Dims(16, 24, 3, 3, num_views=2)
    kept = method("perceiver", num_latents=5, project=False)
    assert (kept.num_image_tokens(dims), kept.num_context_tokens(dims)) == (0, 10)
    sent = method("perceiver", num_latents=5)
    assert (sent.num_image_tokens(dims), sent.num_context_tokens(dims)) == (10, 0)


def test_frames_of_a_clip_share_the_latents() -> None:
    clip = method("perceiver", num_latents=5, num_frames=8)
    assert clip.num_image_tokens(Dims(16, 24, 3, 3, num_views=8)) == 5


@pytest.mark.parametrize(
    ("fusion", "dims", "message"),
    [
        (
            method("q_former", num_heads=10),
            Dims(8, 8, 2, 2),
            r"`num_heads` that divides `width` \(768\), got 10",
        ),
        (
            method("simplified_q_former", num_heads=7),
            Dims(8, 8, 2, 2),
            r"`num_heads` that divides `width` \(768\), got 7",
        ),
        (
            method("cross_attention_resampler", num_heads=3),
            Dims(8, 4096, 2, 2),
            r"`num_heads` that divides `text_width` \(4096\), got 3",
        ),
        (
            method("self_cross_resampler", num_heads=5),
            Dims(8, 256, 2, 2),
            r"`num_heads` that divides `text_width` \(256\), got 5",
        ),
        (
            method("spatial_aggregator", num_heads=15),
            Dims(8, 8, 2, 2),
            r"`num_heads` that divides `width` \(1024\), got 15",
        ),
        (
            method("perceiver", num_kv_heads=3),
            Dims(8, 8, 2, 2),
            r"`num_kv_heads` that divides `num_heads` \(8\), got 3",
        ),
        (
            method("idefics2_connector", num_kv_heads=5),
            Dims(8, 8, 2, 2),
            r"`num_kv_heads` that divides `num_heads` \(16\), got 5",
        ),
        (
            method("perceiver", num_frames=4),
            Dims(8, 8, 2, 2, num_views=6),
            r"at most `num_frames` \(4\) frames, got 6",
        ),
        (
            method("q_former", text_branch=True),
            Dims(8, 8, 2, 2, num_text_tokens=600),
            r"at most `max_positions` \(512\) instruction tokens, got 600",
        ),
        (
            method("cross_attention_resampler", num_queries=200, num_heads=2),
            Dims(8, 8, 2, 2),
            "`num_queries` that is a square, got 200",
        ),
        (
            method("cross_attention_resampler", num_heads=2),
            Dims(8, 8, 3, 2),
            "a square grid of visual tokens, got 3 x 2",
        ),
        (
            method("cross_attention_resampler", num_heads=2),
            Dims(8, 10, 2, 2),
            "`text_width` that is a multiple of 4, for its 2-D positions, got 10",
        ),
        (
            method("spatial_aggregator", num_queries=10),
            Dims(8, 8, 2, 2),
            "`num_queries` that is a square, got 10",
        ),
        (
            method("spatial_aggregator", vision_widths=(8, 8)),
            Dims(8, 8, 2, 2),
            r"as many `vision_widths` as `window_sides` \(4\), got 2",
        ),
        (
            method("spatial_aggregator"),
            Dims(8, 8, 2, 2, text_depth=6),
            r"`num_inserted` of at most `text_depth` \(6\), got 10",
        ),
    ],
)
def test_impossible_dims_are_refused(fusion: Fusion, dims: Dims, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fusion.check(dims)
