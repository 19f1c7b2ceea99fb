"""Comparisons: every figure against a count by hand, baselines, and what nothing beats."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vlcalc.comparison.columns import COLUMNS, comparison_table, pareto
from vlcalc.comparison.methods import Comparison, compare_methods
from vlcalc.comparison.setting import Setting
from vlcalc.core.dtypes import parse_dtype
from vlcalc.core.errors import InputError
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.spec import catalogue
from vlcalc.spec.loader import load_fusion
from vlcalc.spec.parts import fusion_group, load_language, load_vision
from vlcalc.spec.schema import VisionSpec

WINDOW = 4096
KV_BYTES_PER_TOKEN = 2 * 32 * 4096 * 2  # keys and values, layers, width, bytes of bfloat16


def setting(**changes: object) -> Setting:
    base = Setting(
        vision=load_vision("clip-vit-l-14-336"),
        language=load_language("vicuna-7b-v1.5"),
        columns=24,
        rows=24,
        text_tokens=50,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def row_of(name: str, **changes: object) -> Comparison:
    (row,) = compare_methods([load_fusion(name)], setting(**changes))
    return row


def test_a_linear_projector_by_hand() -> None:
    row = row_of("linear")
    assert row.num_params == 1024 * 4096 + 4096
    assert row.llm_share == pytest.approx(4_198_400 / 6_738_415_616)
    assert (row.visual_tokens_in, row.image_tokens, row.context_tokens) == (576, 576, 0)
    assert row.sequence_length == 626
    assert row.window_share == 626 / WINDOW
    assert row.fuse_flops == 2 * 576 * 1024 * 4096
    assert row.kv_cache_bytes == 576 * KV_BYTES_PER_TOKEN
    assert row.weight_bytes == 2 * 4_198_400
    assert row.peak_activation_bytes == 576 * 4096 * 2
    assert row.compression == 1


def test_a_prompt_of_nothing_costs_nothing() -> None:
    row = row_of("dual_projection", text_tokens=0)
    assert (row.error, row.sequence_length, row.prefill_flops) == ("", 0, 0)


def test_an_encoder_that_names_no_prefix_tokens_has_none() -> None:
    vision = VisionSpec(name="x", patch_size=14, image_size=336, width=1024)
    assert vision.num_prefix_tokens is None
    assert setting(vision=vision).dims.num_prefix_tokens == 0


def test_prefill_follows_from_the_tokens() -> None:
    linear, q_former = row_of("linear"), row_of("q_former")
    decoder = setting().decoder
    assert linear.prefill_flops == decoder.prefill_flops(626, 1, logits="last")
    assert q_former.prefill_flops == decoder.prefill_flops(82, 1, logits="last")
    assert q_former.total_flops == (q_former.fuse_flops or 0) + (q_former.prefill_flops or 0)
    assert q_former.compression == 18


@pytest.mark.parametrize("name", [path.stem for path in catalogue.files("fusion")])
def test_a_batch_multiplies_the_caches_of_every_method(name: str) -> None:
    """What an image adds to the cache is kept for each prompt, in the sequence or beside it."""
    caches = [
        compare_methods([load_fusion(name)], setting(batch_size=number), activations=False)[0]
        for number in (1, 4)
    ]
    one, four = (row.kv_cache_bytes for row in caches)
    if one is None:
        assert caches[0].error
    else:
        assert four == 4 * one
        inserted = isinstance(caches[0].method.fusion, InsertedLayers)
        assert (one > 0) == (inserted or bool(caches[0].image_tokens))


def test_a_batch_multiplies_work_and_caches_but_not_weights() -> None:
    one, four = row_of("mlp"), row_of("mlp", batch_size=4)
    assert four.num_params == one.num_params
    assert four.weight_bytes == one.weight_bytes
    assert four.fuse_flops == 4 * (one.fuse_flops or 0)
    assert four.prefill_flops == 4 * (one.prefill_flops or 0)
    assert four.kv_cache_bytes == 4 * (one.kv_cache_bytes or 0)


def test_views_multiply_tokens() -> None:
    assert row_of("linear", num_views=5).image_tokens == 2880
    assert row_of("linear", num_views=5).window_share == (2880 + 50) / WINDOW


def test_float32_doubles_bytes() -> None:
    half, full = row_of("mlp"), row_of("mlp", dtype="float32")
    assert full.weight_bytes == 2 * (half.weight_bytes or 0)
    assert full.kv_cache_bytes == 2 * (half.kv_cache_bytes or 0)
    assert full.peak_activation_bytes == 2 * (half.peak_activation_bytes or 0)


def test_inserted_layers_keep_keys_and_values_of_what_they_attend_to() -> None:
    row = row_of("gated_xattn_dense")
    fusion, dims = row.method.fusion, setting().dims
    assert row.method.fusion.llm_modified
    assert row.context_tokens == 576
    cached = fusion.num_cached_context_values(dims)
    assert cached > 0
    markers = (row.image_tokens or 0) * KV_BYTES_PER_TOKEN
    assert row.kv_cache_bytes == markers + 2 * cached


def test_attention_backends_differ_in_memory() -> None:
    flash = row_of("q_former", attention="flash").peak_activation_bytes or 0
    math = row_of("q_former", attention="math").peak_activation_bytes or 0
    assert math > flash


def test_a_method_that_does_not_go_with_the_setting_is_a_row_with_its_reason() -> None:
    (row,) = compare_methods([load_fusion("pixel_shuffle")], setting(columns=27, rows=27))
    assert row.num_params is None
    assert "27" in row.error


def test_every_preset_is_compared() -> None:
    rows = compare_methods(fusion_group("all"), setting(), activations=False)
    assert len(rows) > 100
    fine = [row for row in rows if not row.error]
    assert len(fine) > 0.85 * len(rows)
    for row in fine:
        assert (row.total_flops or 0) >= (row.fuse_flops or 0)


def test_pareto_keeps_what_nothing_beats() -> None:
    rows = compare_methods([load_fusion(name) for name in ("linear", "mlp", "q_former")], setting())
    assert pareto(rows, ["num_params", "image_tokens"]) == {0, 2}
    assert pareto(rows, ["num_params"]) == {0}
    assert pareto(rows, ["-num_params"]) == {2}
    with pytest.raises(InputError, match="expected columns of numbers, got `taxonomy`"):
        pareto(rows, ["taxonomy"])


def test_a_baseline_turns_figures_into_ratios() -> None:
    rows = compare_methods([load_fusion(name) for name in ("linear", "mlp")], setting())
    table = comparison_table(rows, columns=["method", "num_params"], baseline="linear")
    assert [column.key for column in table.columns] == ["method", "num_params_ratio"]
    assert list(table.rows) == [("linear", 1.0), ("mlp", 20_979_712 / 4_198_400)]
    with pytest.raises(InputError, match="expected the name of a compared method, got `liner`"):
        comparison_table(rows, baseline="liner")


def test_sorting() -> None:
    rows = compare_methods([load_fusion(name) for name in ("linear", "mlp", "q_former")], setting())
    assert COLUMNS.sorted(rows, "-num_params")[0].method.name == "q_former"
    with pytest.raises(InputError, match=r"did you mean `num_params`\?"):
        COLUMNS.sorted(rows, "num_param")


def test_parts_that_are_not_known_well_enough() -> None:
    with pytest.raises(InputError, match="expected a vision encoder whose `width` is known"):
        compare_methods([load_fusion("linear")], setting(vision=load_vision("deepencoder-v2")))


def test_dtypes() -> None:
    assert parse_dtype("bf16") == parse_dtype("bfloat16") == "bfloat16"
    with pytest.raises(
        InputError, match=r"expected a dtype, got `float23`; did you mean `float32`"
    ):
        parse_dtype("float23")
