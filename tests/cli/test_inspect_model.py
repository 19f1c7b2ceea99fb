"""`vlcalc inspect MODEL`: what people and machines are shown, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fvcore")

Run = Callable[..., Any]
MLLAMA = ("llama-3.2-11b-vision-instruct", "--image", "1120x1120")


def document(run: Run, *args: str) -> dict[str, Any]:
    ran = run("inspect", *args, "-f", "json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_people_see_tree_phases_and_memory(run: Run) -> None:
    out = run("inspect", "llava-1.5-7b").out
    for words in ("7,063,427,072", "303,507,456", "20,979,712", "6,738,939,904", "layers (32)",
                  "encode", "fuse", "prefill", "decode", "626 positions: 50 text + 576 image",
                  "15.28 % of 4,096", "KV cache: self-attention", "376.50 MiB"):  # fmt: skip
        assert words in out, words


def test_machines_get_the_parameters_by_component(run: Run) -> None:
    params = document(run, "llava-1.5-7b")["params"]
    assert params == {
        "total": 7_063_427_072,
        "vision": 303_507_456,
        "fusion": 20_979_712,
        "language": 6_738_939_904,
        "other": 0,
    }
    assert all(type(value) is int for value in params.values())


def test_phases_sum_to_the_whole(run: Run) -> None:
    found = document(run, *MLLAMA)
    assert [each["phase"] for each in found["phases"]] == ["encode", "fuse", "prefill", "decode"]
    assert sum(each["flops"] for each in found["phases"]) == found["flops"]
    cache, weights = found["kv_cache_bytes"], found["weight_bytes"]
    assert cache["self_attention"] + cache["cross_attention"] == cache["total"]
    total = weights["total"] + cache["total"] + found["peak_activation_bytes"]
    assert found["total_bytes"] == total


def test_an_image_that_only_meets_the_text_later_takes_none_of_its_window(run: Run) -> None:
    tokens = document(run, "clip-vit-l-14", "--text", "77")["tokens"]
    assert (tokens["sequence_length"], tokens["window_share"], tokens["tokens_left"]) == (77, 1, 0)
    out = run("inspect", "clip-vit-l-14", "--text", "77").out
    for words in ("77 positions: 77 text\n", "100.00 % of 77; 0 left\n", "77 of text, batch 1"):
        assert words in out, words
    assert run("inspect", "clip-vit-l-14", "--text", "78").code == 1
    ran = run("fit", "clip-vit-l-14", "--device", "h100-sxm", "-f", "json")
    assert json.loads(ran.out)["limits"]["context"] == {"value": 77, "bound": "context window"}


def test_a_window_that_is_not_known_is_a_dash(run: Run) -> None:
    out = run("inspect", "blip2-flan-t5-xl").out
    assert "- of -" not in out
    assert "left beside" not in out


@pytest.mark.parametrize(
    ("options", "path", "factor"),
    [
        (("--batch", "2"), ("flops",), 2),
        (("--dtype", "float32"), ("weight_bytes", "total"), 2),
        (("--kv-dtype", "fp8"), ("kv_cache_bytes", "total"), 0.5),
        (("--batch", "3"), ("kv_cache_bytes", "total"), 3),
        (("--quant", "int8"), ("weight_bytes", "vision"), 1),
        (("--logits", "all"), ("params", "total"), 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_each_option_changes_what_it_is_for(
    run: Run, options: tuple[str, ...], path: tuple[str, ...], factor: float
) -> None:
    before: Any = document(run, "llava-1.5-7b")
    after: Any = document(run, "llava-1.5-7b", *options)
    for key in path:
        before, after = before[key], after[key]
    assert after == before * factor


def test_logits_of_all_positions_cost_a_head_each(run: Run) -> None:
    last, all_positions = (
        document(run, "llava-1.5-7b", "--logits", each)["phases"][2] for each in ("last", "all")
    )
    assert all_positions["flops"] - last["flops"] == 625 * 2 * 4096 * 32_064
    assert all_positions["moved_bytes"] - last["moved_bytes"] == 625 * (4096 + 32_064) * 2


def test_images_of_a_cross_attending_model_take_one_position_each(run: Run) -> None:
    one = document(run, *MLLAMA, "--output-tokens", "1")
    two = document(run, *MLLAMA, "--output-tokens", "1", "--images", "2")
    assert one["tokens"]["sequence_length"] == 51
    assert two["tokens"]["sequence_length"] == 52
    assert two["kv_cache_bytes"]["cross_attention"] == 2 * one["kv_cache_bytes"]["cross_attention"]
    assert one["kv_cache_bytes"]["cross_attention"] == 8 * 6404 * 2 * 1024 * 2


def test_a_stage_says_what_is_trained(run: Run) -> None:
    stage = document(run, "llava-1.5-7b-original", "--stage", "feature alignment")["stage"]
    assert stage["trainable_params"] == 20_979_712
    assert stage["trainable_share"] == pytest.approx(0.00297, abs=5e-6)
    stage = document(run, "llava-1.5-7b-original", "--stage", "2")["stage"]
    assert stage["trainable_params"] == 6_759_395_328
    assert stage["trainable_share"] == pytest.approx(0.957028, abs=5e-7)
    out = run("inspect", "llava-1.5-7b", "--stage", "Instruction Tuning").out
    assert "stage 2 of 2: instruction tuning" in out
    assert "frozen" in out


def test_verify_shows_every_count_three_ways(run: Run) -> None:
    out = run("inspect", *MLLAMA, "--verify").out
    assert "Every count is the same each way (16 counts)." in out
    checks = document(run, *MLLAMA, "--verify")["checks"]
    assert {check["verdict"] for check in checks} == {"equal"}
    assert len({check["path"] for check in checks}) == len(checks)
    assert {"decode at 52: 1 x language.head", "decode at 178: 1 x language.head"} <= {
        check["path"] for check in checks
    }
    flops = [check for check in checks if check["quantity"] == "FLOPs"]
    assert all(check["closed_form"] == check["counted"] == check["torch"] for check in flops)


def test_an_encoder_that_is_not_modelled_has_no_costs(run: Run) -> None:
    found = document(run, "flamingo-3b")
    assert found["phases"][0]["flops"] is None
    assert found["flops"] is None
    assert found["total_bytes"] is None
    out = run("inspect", "flamingo-3b").out
    assert "nfnet-f6 is not modelled: its parameters are published, its costs unknown." in out


def test_csv_has_the_phases(run: Run) -> None:
    lines = run("inspect", "llava-1.5-7b", "-f", "csv").out.splitlines()
    assert lines[0].startswith("phase,num_tokens,flops,moved_bytes")
    assert [line.split(",")[0] for line in lines[1:]] == [
        "encode", "fuse", "prefill", "decode", "total"
    ]  # fmt: skip


def test_csv_has_the_stage_or_the_checks_that_were_asked_for(run: Run) -> None:
    stage = ("--stage", "feature alignment")
    lines = run("inspect", "llava-1.5-7b", *stage, "-f", "csv").out.splitlines()
    assert lines[0] == "component,state,params,share"
    assert lines[2].startswith("fusion,trained,20979712,")
    lines = run("inspect", "clip-vit-l-14", "--verify", "-f", "csv").out.splitlines()
    assert lines[0] == "quantity,path,closed_form,counted,torch,verdict"
    assert {line.rsplit(",", 1)[1] for line in lines[1:]} == {"equal"}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("llava-1.5", "--stage", "three"), "`instruction tuning`, got `three`"),
        (("gemma3n-e4b", "--stage", "1"), "its spec records no `training:`"),
        (("llava-1.5-7c",), "did you mean `llava-1.5-7b`"),
        (("gpt-4o",), "expected a model whose architecture is known"),
        (("llava-1.5", "--images", "9"), "expected at most 4,096 tokens, the context window"),
        (("llava-1.5", "--quant", "q4"), "--quant: expected a quantisation, got `q4`"),
        (("deepseek-ocr2", "--quant", "int4"), "expected a language model whose shape is known"),
        (("llava-1.5", "--dtype", "int8"), "--dtype"),
        (("llava-1.5", "--kv-dtype", "int4"), "--kv-dtype: expected a dtype of the cache"),
        (("llava-1.5", "--image", "0x5"), "--image"),
        (("llava-1.5", "--image", "NaN"), "--image"),
        (("llava-1.5", "--batch", "0"), "--batch: expected at least 1"),
        (("llava-1.5", "--images", "-1"), "0 to 1,000,000 images"),
        (("llava-1.5", "--images", "0", "--text", "0"), "expected an image or a token of text"),
        (("llava-1.5", "--output-tokens", "0"), "--output-tokens: expected at least 1"),
        (("llava-1.5", "--logits", "some"), "--logits: expected `last` or `all`"),
        (("llava-1.5", "--attention", "fast"), "--attention: expected an attention backend"),
        (("llava-1.5", "--grid", "2x2"), "--grid: expected an option of models"),
        (("fusion:mlp", "--quant", "int4"), "--quant: expected an option of fusion methods"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_bad_input_is_one_line(run: Run, args: tuple[str, ...], words: str) -> None:
    ran = run("inspect", *args)
    assert ran.code == 1
    assert ran.out == ""
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1


def test_widths_that_do_not_fit_together_are_both_named(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(
        "name: broken\n"
        "vision: { use: clip-vit-l-14-336, width: 1152 }\n"
        "tiling: { kind: fixed, size: 336 }\n"
        "fusion: { kind: mlp }\n"
        "language:\n"
        "  name: lm\n"
        "  decoder: { depth: 2, width: 100, num_heads: 3, ffn_width: 64, vocab_size: 10 }\n"
    )
    ran = run("inspect", str(broken))
    assert ran.code == 1
    assert "broken.yaml:2" in ran.err
    assert "1024" in ran.err
    assert "1152" in ran.err
    assert "broken.yaml:7" in ran.err
    assert "`num_heads` (3) that divides `width` (100)" in ran.err
