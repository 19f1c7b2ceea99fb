"""`vlcalc inspect` and `vlcalc fit` of a part by itself: what is shown, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vlcalc
from vlcalc.core.errors import InputError
from vlcalc.spec import catalogue
from vlcalc.spec.parts import load_language, load_vision

pytest.importorskip("fvcore")

Run = Callable[..., Any]


def document(run: Run, *args: str) -> dict[str, Any]:
    ran = run(*args, "-f", "json")
    assert ran.code == 0, ran.err
    written: dict[str, Any] = json.loads(ran.out)
    return written


def test_a_bare_encoder_is_what_it_is_in_llava(run: Run) -> None:
    """LLaVA-1.5 has the same encoder at 336x336; its own parts beside it are not shown."""
    part = document(run, "inspect", "vision:clip-vit-l-14-336", "--batch", "64", "--device", "h100")
    whole = document(run, "inspect", "llava-1.5-7b", "--batch", "64", "--device", "h100")
    assert part["phases"] == whole["phases"][:1]
    assert part["params"] == {"total": 303_507_456, "vision": 303_507_456}
    assert part["tokens"] == {"columns": 24, "rows": 24, "positions": 577}
    assert part["speed"]["phases"] == whole["speed"]["phases"][:1]
    assert part["speed"]["images_per_s"] == whole["speed"]["images_per_s"]
    assert "time_to_first_token_s" not in part["speed"]


def test_a_bare_language_model_is_what_it_is_without_an_image(run: Run) -> None:
    asked = ("--text", "3000", "--device", "a100-80gb-sxm", "--batch", "2")
    part = document(run, "inspect", "qwen2.5-vl-7b-text", *asked)
    whole = document(run, "inspect", "qwen2.5-vl-7b", "--images", "0", *asked)
    assert part["phases"] == whole["phases"][2:]
    assert part["kv_cache_bytes"] == whole["kv_cache_bytes"]
    params = whole["params"]["language"]
    assert part["params"] == {"total": params, "language": params}
    for key in ("time_to_first_token_s", "tokens_per_s", "total_s"):
        assert part["speed"][key] == pytest.approx(whole["speed"][key], rel=1e-12)
    assert "images_per_s" not in part["speed"]


@pytest.mark.parametrize(
    ("name", "there", "absent"),
    [
        ("vit-b-16-224", ("197 positions an image, of 14x14 patches", "encode"),
         ("fuse", "prefill", "decode", "sequence", "KV cache", "logits", "language")),
        ("opt-2.7b", ("50 positions: 50 text", "prefill", "decode", "KV cache"),
         ("encode", "fuse", "vision", "image")),
        ("clip-vit-l-14-text", ("50 positions: 50 text", "prefill"), ("fuse", "image")),
        ("clip-resnet-50", ("38,316,896", "its parameters are published"), ("positions",)),
    ],
)  # fmt: skip
def test_people_see_what_a_part_has(
    run: Run, name: str, there: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    ran = run("inspect", name)
    assert ran.code == 0, ran.err
    assert all(words in ran.out for words in there)
    assert not any(words in ran.out for words in absent)


def test_a_size_and_a_batch_are_those_of_an_encoder(run: Run) -> None:
    asked = ("--image", "512x384", "--batch", "3", "--verify")
    written = document(run, "inspect", "vit-b-16-224", *asked)
    assert written["tokens"] == {"columns": 32, "rows": 24, "positions": 32 * 24 + 1}
    assert written["phases"][0]["num_tokens"] == 3 * (32 * 24 + 1)
    assert {check["verdict"] for check in written["checks"]} == {"equal"}


def test_a_part_of_a_file_is_inspected(run: Run, tmp_path: Path) -> None:
    for kind, name in (("vision", "siglip-b-16-512"), ("language", "opt-2.7b")):
        path = tmp_path / f"{name}.yaml"
        path.write_bytes((catalogue.specs_folder() / kind / f"{name}.yaml").read_bytes())
        assert document(run, "inspect", str(path)) == document(run, "inspect", name)


def test_where_a_model_has_the_name_it_says_how_to_ask_for_the_encoder(run: Run) -> None:
    assert "Its encoder by itself is `vision:clip-vit-l-14`." in run("inspect", "clip-vit-l-14").out
    assert "by itself" not in run("inspect", "vision:clip-vit-l-14").out


def test_fit_is_of_what_a_part_takes(run: Run) -> None:
    encoder = document(run, "fit", "vit-b-16-224", "--device", "rtx-4090", "--batch", "8")
    assert list(encoder["limits"]) == ["batch"]
    assert encoder["fits"]
    language = document(run, "fit", "vicuna-7b-v1.5", "--device", "rtx-4090")
    assert language["limits"]["context"] == {"value": 4096, "bound": "context window"}
    whole = document(run, "fit", "llava-1.5-7b", "--device", "rtx-4090", "--images", "0")
    weights = sum(whole["memory"]["weight_bytes"][part] for part in ("vision", "fusion"))
    extra = whole["memory"]["used_bytes"] - language["memory"]["used_bytes"] - weights
    assert extra == 2 * 4096 * 64 * 2  # the two tables' 64 more rows of LLaVA-1.5
    table = run("fit", "vit-b-16-224").out
    assert "images/s" in table
    assert "first token" not in table


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("vit-b-16-224", "--text", "4"), "--text: expected an option of encoders"),
        (("vit-b-16-224", "--images", "2"), "--images: expected an option of encoders (`batch`"),
        (("vit-b-16-224", "--output-tokens", "2"), "--output-tokens: expected an option of enc"),
        (("vit-b-16-224", "--quant", "int8"), "--quant: expected an option of encoders"),
        (("vit-b-16-224", "--kv-dtype", "int8"), "--kv-dtype: expected an option of encoders"),
        (("vit-b-16-224", "--logits", "all"), "--logits: expected an option of encoders"),
        (("vit-b-16-224", "--device", "h100", "--tp", "2"), "--tp: expected a language model to"),
        (("vit-b-16-224", "--stage", "1"), "--stage: expected a training stage"),
        (("vit-b-16-224", "--measured", "run.json"), "--measured: expected a whole model"),
        (("mllama-vit-h-14-560", "--image", "56x56"), "--image: expected 560x560, the only size"),
        (("vicuna-7b-v1.5", "--image", "9x9"), "--image: expected an option of language models"),
        (("vicuna-7b-v1.5", "--images", "1"), "--images: expected an option of language models"),
        (("vicuna-7b-v1.5", "--text", "5000"), "expected at most 4,096 tokens"),
        (("detected-regions-1024",), "expected an encoder that is part of a model"),
        (("vision:",), "expected `vision:NAME`"),
        (("vision:vicuna-7b-v1.5",), "got `vicuna-7b-v1.5`"),
    ],
)  # fmt: skip
def test_what_a_part_has_no_use_for_is_refused_in_a_line(
    run: Run, args: tuple[str, ...], words: str
) -> None:
    ran = run("inspect", *args)
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err
    assert ran.err.count("\n") == 1


def test_python_takes_parts_too() -> None:
    by_name = vlcalc.analyze("vision:clip-vit-b-32", batch_size=2)
    assert by_name == vlcalc.analyze(load_vision("clip-vit-b-32"), batch_size=2)
    assert by_name.plan.load.image == (224, 224)
    language = load_language("opt-2.7b")
    assert vlcalc.analyze(language).params.total == language.decoder.num_params()  # type: ignore[union-attr]
    assert vlcalc.predict("vit-b-16-224", "h100").images_per_s
    assert vlcalc.fit("opt-2.7b", "rtx-4090").fits
    assert vlcalc.find_devices("vit-b-16-224").holders
    with pytest.raises(InputError, match="num_images: expected an option of encoders"):
        vlcalc.inspect("vit-b-16-224", num_images=2)
    with pytest.raises(InputError, match="expected a whole model"):
        vlcalc.bench(model="vit-b-16-224")


def test_a_prompt_may_fill_the_window_of_a_language_model(run: Run) -> None:
    """Without a number of its own the answer is as long as fits; the first token needs no room."""
    full = json.loads(run("inspect", "vicuna-7b-v1.5", "--text", "4096", "-f", "json").out)
    assert (full["request"]["output_tokens"], full["tokens"]["tokens_left"]) == (1, 0)
    near = json.loads(run("inspect", "vicuna-7b-v1.5", "--text", "4090", "-f", "json").out)
    assert (near["request"]["output_tokens"], near["tokens"]["tokens_left"]) == (6, 0)
    over = run("inspect", "vicuna-7b-v1.5", "--text", "4097")
    assert (over.code, over.out) == (1, "")
    assert "expected at most 4,096 tokens, the context window of vicuna-7b-v1.5" in over.err
