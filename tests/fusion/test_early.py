"""Early fusion: vectors, patches, regions and codes against their modules and published counts."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.fusion.checks import assert_counts, assert_image_tokens
from tests.fusion.presets import native_dims, preset
from tests.fusion.strategies import all_dims, few, fewer, make, small
from vlcalc.core.errors import InputError, SpecError
from vlcalc.fusion.base import Dims
from vlcalc.spec.document import parse_document
from vlcalc.spec.loader import validate
from vlcalc.spec.schema import FusionSpec

Fields = dict[str, st.SearchStrategy[Any]]

output = st.none() | small
joint: Fields = {"output_width": output, "joint_width": small}
VECTORS: dict[str, Fields] = {
    "concat": {},
    "concat_mlp": {"output_width": output, "hidden_width": small, "depth": st.integers(1, 4)},
    "tanh_add": {"output_width": output, "hidden_width": small},
    "gating": {"hidden_width": small, "gate_reads": st.sampled_from(["inputs", "projections"])},
    "linear_sum": joint,
    "mlb": joint,
    "mutan": {**joint, "rank": st.integers(1, 4)},
    "mfb": {**joint, "factor": st.integers(1, 4)},
    "mfh": {**joint, "factor": st.integers(1, 4), "order": st.integers(1, 3)},
    "tucker": joint,
    "mcb": joint,
    "tensor_fusion": {"output_width": output, "hidden_width": small, "depth": st.integers(1, 4)},
}
SEQUENCES: dict[str, Fields] = {
    "raw_patch": {
        "patch_size": st.integers(1, 6),
        "num_channels": st.integers(1, 4),
        "newline": st.booleans(),
    },
    "region_features": {"num_segments": st.integers(2, 4), "max_positions": small},
    "discrete_tokens": {"num_codes": st.integers(1, 40), "quantize": st.booleans()},
}
WORDS: Fields = {**SEQUENCES["discrete_tokens"], "own_embedding": st.just(False)}


@pytest.mark.parametrize("kind", [*VECTORS, *SEQUENCES])
@few
@given(data=st.data(), dims=all_dims)
def test_closed_forms_equal_the_module(kind: str, data: Any, dims: Dims) -> None:
    fields = data.draw(st.fixed_dictionaries({**VECTORS, **SEQUENCES}[kind]))
    fusion = make(kind, **fields)
    fusion.check(dims)
    assert_counts(fusion, dims)
    if kind in SEQUENCES:
        assert_image_tokens(fusion, dims)
    else:
        assert fusion.num_image_tokens(dims) == 0


@few
@given(fields=st.fixed_dictionaries(WORDS), dims=all_dims)
def test_codes_that_are_words_are_embedded_by_the_language_model(
    fields: dict[str, Any], dims: Dims
) -> None:
    fusion = make("discrete_tokens", **fields)
    assert_counts(fusion, dims)
    embedded = make("discrete_tokens", **{**fields, "own_embedding": True})
    difference = embedded.num_params(dims) - fusion.num_params(dims)
    assert difference == fields["num_codes"] * dims.text_width
    assert fusion.num_image_tokens(dims) == embedded.num_image_tokens(dims)


@few
@given(st.integers(1, 30), st.integers(1, 30), st.none() | st.integers(1, 3), all_dims)
def test_block(joint_width: int, num_chunks: int, rank: int | None, dims: Dims) -> None:
    fields = {"joint_width": joint_width, "num_chunks": num_chunks, "rank": rank}
    # Chunks are rounded up, so that 12 in 5 chunks of 3 would leave the last one empty.
    rounded_up = math.ceil(joint_width / num_chunks)
    if num_chunks > joint_width or rounded_up * (num_chunks - 1) == joint_width:
        with pytest.raises(ValueError, match="chunk"):
            make("block", **fields)
    else:
        assert_counts(make("block", **fields), dims)


@few
@given(st.integers(1, 5), all_dims)
def test_film(num_blocks: int, dims: Dims) -> None:
    fusion = make("film", num_blocks=num_blocks)
    assert_counts(fusion, dims)
    maps = fusion.build(dims)(*fusion.example_inputs(dims))
    assert len(maps) == num_blocks
    assert maps[0].shape == (dims.num_inputs, dims.vision_width, dims.rows, dims.columns)


@fewer
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), small, all_dims)
def test_single_stream(
    depth: int, num_heads: int, head_dim: int, hidden_width: int, dims: Dims
) -> None:
    dims = dims._replace(text_width=num_heads * head_dim)
    fusion = make("single_stream", depth=depth, num_heads=num_heads, hidden_width=hidden_width)
    fusion.check(dims)
    assert_counts(fusion, dims)
    hidden, _ = fusion.build(dims)(*fusion.example_inputs(dims))
    assert hidden.shape[1] == dims.num_text_tokens + fusion.num_image_tokens(dims)


@pytest.mark.parametrize(
    "name",
    [
        "fuyu-8b-patches",
        "gmu-mmimdb",
        "film-clevr",
        "visualbert-vqa",
        "visualbert-nlvr2",
        "visualbert-vcr",
        "visualbert-flickr",
    ],
)
def test_published_parameters(name: str) -> None:
    spec = preset(name)
    dims = native_dims(spec)
    assert [spec.fusion.num_params(dims)] == [
        figure.value for figure in spec.published if figure.metric == "params"
    ]
    assert_counts(spec.fusion, dims)


@pytest.mark.parametrize(
    ("name", "of_classifier"),
    [
        ("linear-sum-vqa", 14_280_000),
        ("mlb-vqa", 14_280_000),
        ("mutan-vqa", 18_150_000),
        ("mfb-vqa", 47_490_000),
        ("mfh-vqa", 32_300_000),
        ("block-vqa", 23_350_000),
        ("block-tucker-vqa", 9_190_000),
        ("tucker-vqa", 15_780_000),
    ],
)
def test_bilinear_parameters_of_block_bootstrap(name: str, of_classifier: int) -> None:
    spec = preset(name)
    dims = native_dims(spec)
    (figure,) = spec.published
    assert round(spec.fusion.num_params(dims), -4) == figure.value
    classifier = spec.fusion.model_copy(update={"output_width": 3000})
    assert round(classifier.num_params(dims._replace(vision_width=4096)), -4) == of_classifier


@pytest.mark.parametrize("name", ["chameleon-vq", "emu3-vq"])
def test_codebooks(name: str) -> None:
    spec = preset(name)
    dims = native_dims(spec)
    codebook = next(f.value for f in spec.published if f.metric == "codebook_params")
    embedding = spec.fusion.model_copy(update={"quantize": False}).num_params(dims)
    assert spec.fusion.num_params(dims) - embedding == codebook


ARTICLES = [
    # tanh-add of 6 and 4 into 4, and of two CLIP vectors
    ("tanh_add", {"hidden_width": 4}, (6, 4), 68, 112),
    ("tanh_add", {"hidden_width": 512}, (512, 512), 787_968, 1_572_864),
    ("concat_mlp", {"hidden_width": 384, "output_width": 10}, (512, 256), 446_986, 892_416),
]


@pytest.mark.parametrize(("kind", "fields", "widths", "params", "flops"), ARTICLES)
def test_modules_of_the_articles(
    kind: str, fields: dict[str, int], widths: tuple[int, int], params: int, flops: int
) -> None:
    fusion, dims = make(kind, **fields), Dims(*widths, columns=1, rows=1)
    assert (fusion.num_params(dims), fusion.num_flops(dims)) == (params, flops)
    assert_counts(fusion, dims)


def test_newline_of_raw_patches_is_learned_or_a_word() -> None:
    dims = Dims(vision_width=2700, text_width=8, columns=64, rows=36)
    assert make("raw_patch").num_image_tokens(dims) == 64 * 36
    assert make("raw_patch", newline=True).num_image_tokens(dims) == 65 * 36


@pytest.mark.parametrize(
    ("fusion", "message"),
    [
        ("{ kind: mlb, joint_width: -4 }", r"`fusion\.joint_width`: expected above 0, got `-4`"),
        ("{ kind: mutan, rank: 0 }", r"`fusion\.rank`: expected above 0, got `0`"),
        ("{ kind: raw_patch, patch_size: -30 }", r"`fusion\.patch_size`: expected above 0"),
        ("{ kind: film, num_blocks: 2.5 }", r"`fusion\.num_blocks`: expected .*integer"),
        ("{ kind: region_features, num_segments: 1 }", r"expected at least 2, got `1`"),
        ("{ kind: block, joint_width: 4, num_chunks: 3 }", r"`num_chunks` .*`joint_width` \(4\)"),
        ("{ kind: mutann }", r"`mutann`; did you mean `mutan`"),
    ],
)
def test_impossible_fields_are_refused(fusion: str, message: str) -> None:
    document = parse_document(f"name: mine\nfusion: {fusion}\n", "mine.yaml")
    with pytest.raises(SpecError, match=message):
        validate(FusionSpec, document)


def test_impossible_dims_are_refused() -> None:
    dims = Dims(vision_width=4, text_width=768, columns=2, rows=2, num_text_tokens=600)
    with pytest.raises(InputError, match=r"at most `max_positions` \(512\) text tokens, got 600"):
        make("single_stream").check(dims)
    with pytest.raises(InputError, match=r"`num_heads` that divides `text_width` \(770\), got 12"):
        make("single_stream").check(dims._replace(text_width=770))


def test_gate_reads_inputs_or_projections() -> None:
    dims = Dims(vision_width=6, text_width=4, columns=1, rows=1, batch_size=2)
    for reads in ("inputs", "projections"):
        fusion = make("gating", hidden_width=8, gate_reads=reads)
        fused = fusion.build(dims, "cpu")(*fusion.example_inputs(dims, "cpu"))
        assert fused.shape == (2, 8)
        assert torch.isfinite(fused).all()
