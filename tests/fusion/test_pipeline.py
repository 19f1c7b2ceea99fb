"""Whole pipelines, and BLIP-2's objectives with what a batch of them costs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.fusion.checks import assert_counts
from tests.fusion.presets import native_dims, preset
from tests.fusion.strategies import all_dims, few, fewer, make, small
from vlcalc.core.errors import InputError
from vlcalc.fusion.base import Dims, Fusion
from vlcalc.fusion.blip2_objectives import Blip2Objectives


def length_of(fusion: Fusion, dims: Dims) -> int:
    """Return the positions of the sequence that a pipeline puts out."""
    out = fusion.build(dims)(*fusion.example_inputs(dims))
    assert out.shape[0] == dims.batch_size
    return int(out.shape[1])


@pytest.mark.parametrize("kind", ["llava_pipeline", "interleaved_pipeline"])
@few
@given(depth=st.integers(1, 4), dims=all_dims)
def test_pipelines(kind: str, depth: int, dims: Dims) -> None:
    fusion = make(kind, depth=depth)
    assert_counts(fusion, dims)
    assert length_of(fusion, dims) == fusion.num_image_tokens(dims) + dims.num_text_tokens


@few
@given(st.integers(1, 4), st.integers(1, 4), all_dims)
def test_project_and_concatenate(ratio: int, depth: int, dims: Dims) -> None:
    fusion = make("project_and_concatenate", compress_ratio=ratio, depth=depth)
    dims = dims._replace(columns=dims.columns * ratio)
    fusion.check(dims)
    assert_counts(fusion, dims)
    assert length_of(fusion, dims) == fusion.num_image_tokens(dims) + dims.num_text_tokens


@fewer
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), small, all_dims)
def test_toy_llava(
    depth: int, num_heads: int, head_dim: int, hidden_width: int, dims: Dims
) -> None:
    dims = dims._replace(text_width=num_heads * head_dim)
    fusion = make("toy_llava", depth=depth, num_heads=num_heads, hidden_width=hidden_width)
    fusion.check(dims)
    assert_counts(fusion, dims)
    assert length_of(fusion, dims) == fusion.num_image_tokens(dims) + dims.num_text_tokens


@fewer
@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 4),
    st.tuples(small, small, small, small),
    st.integers(0, 2),
    all_dims,
)
def test_blip2_objectives(
    depth: int,
    every: int,
    num_heads: int,
    sizes: tuple[int, int, int, int],
    prefix: int,
    dims: Dims,
) -> None:
    head_dim, num_queries, hidden_width, contrastive_width = sizes
    dims = dims._replace(batch_size=dims.batch_size + 1, num_prefix_tokens=prefix)
    fusion = make(
        "blip2_objectives",
        width=num_heads * head_dim,
        depth=depth,
        num_heads=num_heads,
        num_queries=num_queries,
        hidden_width=hidden_width,
        cross_attention_every=every,
        contrastive_width=contrastive_width,
        vocab_size=40,
    )
    fusion.check(dims)
    assert_counts(fusion, dims)


ARTICLES = [
    ("llava_pipeline", {}, (1024, 4096, 24, 24), 50, 152_051_712, 24_159_191_040, 626),
    ("llava_pipeline", {"depth": 1}, (1024, 4096, 24, 24), 50, 135_270_400, 4_831_838_208, 626),
    ("toy_llava", {}, (1024, 4096, 24, 24), 50, 895_711_488, 982_306_258_944, 626),
    ("project_and_concatenate", {}, (1024, 256, 14, 14), 20, 328_192, 128_450_560, 216),
    (
        "project_and_concatenate",
        {"compress_ratio": 4},
        (1024, 256, 14, 14),
        20,
        1_114_624,
        109_182_976,
        69,
    ),
    ("project_and_concatenate", {}, (1024, 4096, 14, 14), 20, 20_979_712, 8_220_835_840, 216),
]


@pytest.mark.parametrize(("kind", "fields", "sizes", "text", "params", "flops", "length"), ARTICLES)
def test_modules_of_the_articles(
    kind: str,
    fields: dict[str, int],
    sizes: tuple[int, int, int, int],
    text: int,
    params: int,
    flops: int,
    length: int,
) -> None:
    fusion, dims = make(kind, **fields), Dims(*sizes, num_text_tokens=text)
    assert (fusion.num_params(dims), fusion.num_flops(dims)) == (params, flops)
    assert_counts(fusion, dims)
    assert length_of(fusion, dims) == length


def test_placeholders_in_front_are_the_same_as_image_first() -> None:
    dims = Dims(6, 8, columns=3, rows=2, num_views=2, num_text_tokens=4, vocab_size=9, batch_size=2)
    first, among = make("llava_pipeline"), make("interleaved_pipeline", image_token_id=-200)
    module, other = first.build(dims, "cpu"), among.build(dims, "cpu")
    other.load_state_dict(module.state_dict())
    visual, ids = among.example_inputs(dims, "cpu")
    assert (ids == -200).sum() == 2 * among.num_image_tokens(dims)
    text = ids[:, among.num_image_tokens(dims) :]
    expected = module(visual.reshape(2, -1, 6), text)
    torch.testing.assert_close(other(visual, ids), expected)


def test_first_stage_of_blip2() -> None:
    spec = preset("blip2-stage1-objectives")
    fusion, dims = spec.fusion, native_dims(spec)._replace(batch_size=4)
    assert isinstance(fusion, Blip2Objectives)
    fusion.check(dims)
    assert fusion.num_params(dims) == spec.published[0].value == 186_702_654


@pytest.mark.parametrize("batch_size", [2, 64, 1600])
def test_what_a_batch_of_blip2_costs(batch_size: int) -> None:
    fusion = make("blip2_objectives")
    assert isinstance(fusion, Blip2Objectives)
    dims = Dims(1408, 768, columns=16, rows=16, num_text_tokens=32, batch_size=batch_size)
    assert fusion.num_similarities(dims) == batch_size * batch_size
    assert fusion.num_negatives(dims) == batch_size * batch_size - batch_size
    assert fusion.num_matching_pairs(dims) == 3 * batch_size
    parts = (fusion.contrast_flops, fusion.matching_flops, fusion.caption_flops)
    assert sum(part(dims) for part in parts) == fusion.num_flops(dims)


def test_losses_of_a_small_batch_are_finite() -> None:
    dims = Dims(6, 8, columns=3, rows=2, num_text_tokens=4, batch_size=3)
    fusion = make("blip2_objectives", width=8, depth=2, num_heads=2, hidden_width=16)
    losses = fusion.build(dims, "cpu")(*fusion.example_inputs(dims, "cpu"))
    assert all(torch.isfinite(loss) for loss in losses)


@pytest.mark.parametrize(
    ("kind", "fields", "changes", "message"),
    [
        ("blip2_objectives", {}, {"batch_size": 1}, r"`batch_size` of at least 2, .* got 1"),
        ("blip2_objectives", {}, {"num_text_tokens": 1}, r"2 to 512 .* text tokens .* got 1"),
        ("blip2_objectives", {"num_heads": 7}, {}, r"divides `width` \(768\), got 7"),
        ("toy_llava", {"num_heads": 7}, {}, r"divides `text_width` \(768\), got 7"),
        (
            "project_and_concatenate",
            {"compress_ratio": 5},
            {},
            r"`compress_ratio` that divides `visual tokens` \(256\), got 5",
        ),
    ],
)
def test_impossible_dims_are_refused(
    kind: str, fields: dict[str, int], changes: dict[str, Any], message: str
) -> None:
    dims = Dims(1408, 768, columns=16, rows=16, num_text_tokens=32, batch_size=2)
    with pytest.raises(InputError, match=message):
        make(kind, **fields).check(dims._replace(**changes))
