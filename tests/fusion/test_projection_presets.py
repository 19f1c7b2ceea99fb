"""Presets of the projection group: published counts, tokens, and what is refused."""

from __future__ import annotations

import pytest

from tests.fusion.checks import assert_counts
from tests.fusion.presets import native_dims, preset, published_presets
from tests.fusion.test_projection import KINDS, make
from vlcalc.core.errors import InputError
from vlcalc.fusion.base import Dims, Fusion

CLIP = Dims(1024, 4096, 24, 24)
WIDE = CLIP._replace(columns=32)
OUTSIDE = ["llama-3.2-11b-projector", "llama-3.2-90b-projector"]  # of another group's designs


@pytest.mark.parametrize("name", [*published_presets("projection"), *OUTSIDE])
def test_published_design_has_the_published_parameters(name: str) -> None:
    spec = preset(name)
    dims = native_dims(spec)
    spec.fusion.check(dims)
    printed = [each.value for each in spec.published if each.metric == "params"]
    assert [spec.fusion.num_params(dims)] * len(printed) == printed
    assert_counts(spec.fusion, dims)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_generic_preset_that_takes_the_default_encoder(kind: str) -> None:
    spec = preset(kind)
    assert (spec.fusion.kind, spec.native) == (kind, None)
    spec.fusion.check(CLIP)


def test_rounded_count_of_the_hybrid_projector_is_that_of_the_class_default() -> None:
    spec = preset("deepseek-vl-7b-hybrid")
    narrow = spec.fusion.num_params(native_dims(spec)._replace(vision_width=768))
    assert narrow == 20_455_424
    assert [round(narrow, -4)] == [
        each.value for each in spec.published if each.metric == "params_rounded"
    ]


def test_printed_table_of_ovis_is_our_count_without_head_and_norm() -> None:
    spec = preset("ovis-8b-vte")
    words = 65_536 - 4
    rest = 4 * 1152 * words + 2 * words
    (published,) = spec.published
    assert spec.fusion.num_params(native_dims(spec)) - rest == published.value


REFERENCE = [  # params and FLOPs of the modules in the articles that the presets come from
    ("linear", {}, Dims(1024, 4096, 16, 16, batch_size=2), 4_198_400, 4_294_967_296),
    ("linear", {}, Dims(1024, 4096, 24, 24), 4_198_400, 4_831_838_208),
    ("mlp", {}, Dims(1024, 4096, 16, 16, batch_size=2), 20_979_712, 21_474_836_480),
    ("mlp", {}, Dims(1024, 4096, 24, 24), 20_979_712, 24_159_191_040),
    ("mlp", {}, Dims(1024, 5120, 24, 24), 31_467_520, 36_238_786_560),
    ("mlp", {}, Dims(1024, 256, 14, 14), 328_192, 128_450_560),
    ("mlp", {}, Dims(1024, 4096, 14, 14), 20_979_712, 8_220_835_840),
    ("grouped", {"compress_ratio": 4}, Dims(1024, 256, 14, 14), 1_114_624, 109_182_976),
]


@pytest.mark.parametrize(("kind", "fields", "dims", "params", "flops"), REFERENCE)
def test_modules_of_the_articles(
    kind: str, fields: dict[str, int], dims: Dims, params: int, flops: int
) -> None:
    fusion = make(kind, **fields)
    assert (fusion.num_params(dims), fusion.num_flops(dims)) == (params, flops)


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("llava-1.5-7b-mlp", 576),
        ("minigpt-v2-grouped", 256),
        ("edifice-grouped", 49),
        ("internvl2-8b-mlp", 256),
        ("idefics3-8b-pixel-shuffle", 169),
        ("smolvlm-2.2b-pixel-shuffle", 81),
        ("smolvlm-500m-pixel-shuffle", 64),
        ("qwen2-vl-7b-merger", 256),
        ("qwen3-vl-8b-deepstack", 256),
        ("mistral-small-3.1-24b-projector", 3_025),
        ("llava-onevision-7b-video-pool", 196),
        ("gemma3-4b-projector", 256),
        ("m3-7b-matryoshka", 576),
        ("honeybee-7b-c-abs", 144),
        ("mobilevlm-1.7b-ldp", 144),
        ("mobilevlm-v2-1.7b-ldpv2", 144),
        ("tokenpacker-7b", 144),
        ("ovis-8b-vte", 196),
        ("deepseek-ocr-linear", 256),
    ],
)
def test_image_tokens_of_one_encoder_input(name: str, tokens: int) -> None:
    spec = preset(name)
    assert spec.fusion.num_image_tokens(native_dims(spec)) == tokens


@pytest.mark.parametrize(
    ("fusion", "dims", "message"),
    [
        (
            make("grouped", compress_ratio=5),
            CLIP,
            r"`compress_ratio` .*tokens` \(576\), got 5",
        ),
        (make("pixel_shuffle", factor=5), CLIP, r"`factor` that divides `columns` \(24\), got 5"),
        (make("pixel_shuffle", factor=3), WIDE, r"`factor` that divides `columns` \(32\), got 3"),
        (
            make("pixel_shuffle", factor=16),
            WIDE,
            r"`factor` that divides `rows` \(24\), got 16",
        ),
        (make("patch_merger", merge_size=7), CLIP, r"`merge_size` .*`columns` \(24\), got 7"),
        (make("deepstack_merger", merge_size=7), CLIP, r"`merge_size` .*`columns` \(24\), got 7"),
        (make("merging_projector", merge_size=7), CLIP, r"`merge_size` .*`columns` \(24\), got 7"),
        (
            make("hybrid_mlp", high_res_width=1024),
            CLIP._replace(text_width=4095),
            r"`text_width` \(4095\), got 2",
        ),
        (
            make("pooled_projector", pooled_columns=24, pooled_rows=7),
            CLIP,
            r"`pooled_rows` that divides `rows` \(24\), got 7",
        ),
        (
            make("gemma_projector", pooled_columns=16, pooled_rows=16),
            CLIP,
            r"`pooled_columns` that divides `columns` \(24\), got 16",
        ),
        (make("matryoshka", used_side=5), CLIP, r"`pooled_sides` \(1, 3, 6, 12, 24\), got 5"),
        (make("matryoshka"), Dims(1024, 4096, 12, 12), r"`side` \(12\), got 24"),
        (make("c_abstractor", num_queries=143), CLIP, r"`num_queries` that is a square, got 143"),
        (make("d_abstractor", num_heads=7), CLIP, r"`num_heads` .*`hidden_width` \(1024\), got 7"),
        (make("token_packer", scale=7), CLIP, r"`scale` that divides `columns` \(24\), got 7"),
        (make("token_packer", num_heads=7), CLIP, r"`num_heads` .*`hidden_width` \(1024\), got 7"),
        (
            make("visual_embedding_table", num_codes=4),
            CLIP,
            r"`num_indicators` below `num_codes` \(4\), got 4",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Fusion) else "",
)
def test_impossible_dims_are_refused_with_both_numbers(
    fusion: Fusion, dims: Dims, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fusion.check(dims)


@pytest.mark.parametrize(
    "kind",
    [
        "matryoshka",
        "c_abstractor",
        "d_abstractor",
        "ldp",
        "ldpv2",
        "token_packer",
        "visual_embedding_table",
    ],
)
def test_square_grid_is_asked_for(kind: str) -> None:
    with pytest.raises(InputError, match="a square grid of visual tokens, got 32 x 24"):
        make(kind).check(WIDE)


@pytest.mark.parametrize("pool", ["adaptive", "bilinear"])
def test_other_poolings_take_any_grid(pool: str) -> None:
    fusion = make("pooled_projector", pool=pool, pooled_columns=5, pooled_rows=7)
    fusion.check(CLIP)
    assert fusion.num_image_tokens(CLIP) == 35
