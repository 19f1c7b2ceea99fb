"""The joints between proven formulas: what two commands print agrees, and a batch costs its share.

Every preset, every model of the catalogue: the arithmetic of the field is written here once more,
by hand, so that a factor of batch, views or images that is dropped anywhere shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from typing import Any

import pytest

import vlcalc
from vlcalc.comparison.methods import Comparison, compare_methods
from vlcalc.comparison.setting import Setting, make_setting
from vlcalc.core.image_size import ImageSize
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.inference.inference import Inference, infer
from vlcalc.inference.load import Load
from vlcalc.spec import catalogue
from vlcalc.spec.loader import build_entry, load_fusion
from vlcalc.spec.parts import load_language, load_vision
from vlcalc.spec.schema import FusionSpec, ModelSpec
from vlcalc.tokens.budget import budget

BATCH = 4
ONE = 2  # prompts that presets are compared at first: some train on pairs, and need two
# Methods that hold every image of a batch against every text: they grow with its square too.
PAIRWISE = ("contrastive_head", "dual_projection", "blip2_objectives")
# Of the whole batch; everything else is of one prompt, or of the method.
OF_THE_BATCH = ("fuse_flops", "prefill_flops", "kv_cache_bytes")
MODELS = [entry.name for entry in catalogue.entries("model")]
PRESETS = [path.stem for path in catalogue.files("fusion")]


@cache
def model(name: str) -> ModelSpec:
    spec = build_entry(catalogue.find(name, ("model",)))
    assert isinstance(spec, ModelSpec)
    return spec


def own_image(spec: ModelSpec) -> ImageSize:
    side = (spec.vision.image_size if spec.vision else None) or 448
    return ImageSize(side, side)


@cache
def inferred(name: str, batch_size: int) -> Inference:
    load = Load(image=own_image(model(name)), text_tokens=24, batch_size=batch_size)
    if model(name).language.context_window is not None:
        load = replace(load, output_tokens=8)
    return infer(model(name), load, traced=False)


def grown(one: int | None, two: int | None, *, pairwise: bool) -> int | None:
    """Return what `BATCH` cost, of what 1 and 2 do: so many times one, or a square without rest."""
    if one is None or two is None or not pairwise:
        return None if one is None else BATCH * one
    square = (two - 2 * one) // 2
    return BATCH * (one - square) + BATCH**2 * square


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_costs_so_many_prompts(name: str) -> None:
    one, two, batch = inferred(name, 1), inferred(name, 2), inferred(name, BATCH)
    fusion = model(name).fusion
    for alone, pair, together in zip(one.phases, two.phases, batch.phases, strict=True):
        pairwise = alone.phase == "fuse" and fusion is not None and fusion.kind in PAIRWISE
        assert together.flops == grown(alone.flops, pair.flops, pairwise=pairwise)
        assert together.num_tokens == grown(alone.num_tokens, pair.num_tokens, pairwise=False)
    expected = one.cache and tuple(BATCH * part for part in one.cache)
    assert (batch.cache and tuple(batch.cache)) == expected
    assert (batch.params, batch.weights) == (one.params, one.weights)


@pytest.mark.parametrize("name", MODELS)
def test_tokens_and_inspect_say_the_same(name: str) -> None:
    inference, spec = inferred(name, BATCH), model(name)
    row = budget(spec, own_image(spec), inference.plan.budget.request)
    assert inference.plan.budget == row
    late = spec.fusion is not None and spec.fusion.taxonomy == "late"
    expected = 24 + (0 if late else row.image_tokens + row.extra_tokens)
    assert inference.plan.sequence_length == expected
    prefill = inference.phases[2]
    assert prefill.num_tokens in (None, BATCH * expected)


def setting_of(batch_size: int) -> Setting:
    vision, language = load_vision("clip-vit-l-14-336"), load_language("vicuna-7b-v1.5")
    return make_setting(vision, language, text_tokens=24, num_tiles=2, batch_size=batch_size)


@pytest.mark.parametrize("name", PRESETS)
def test_a_batch_of_a_preset_costs_so_many_images(name: str) -> None:
    preset = load_fusion(name)
    one, two, batch = (
        compare_methods([preset], setting_of(size), activations=False)[0]
        for size in (ONE, 2 * ONE, BATCH * ONE)
    )
    pairwise = preset.fusion.kind in PAIRWISE
    for field in fields(Comparison):
        alone, pair, together = (getattr(row, field.name) for row in (one, two, batch))
        if field.name in OF_THE_BATCH:
            square = pairwise and field.name == "fuse_flops"
            assert together == grown(alone, pair, pairwise=square), field.name
        else:
            assert together == alone, field.name


def test_most_presets_go_with_the_usual_pair() -> None:
    rows = compare_methods(
        [load_fusion(name) for name in PRESETS], setting_of(2), activations=False
    )
    assert sum(not row.error for row in rows) > len(rows) / 2


def compared(spec: ModelSpec, *, text_tokens: int = 24) -> Comparison | None:
    """Return the row of a model's own method on its own parts; None where it has no such row."""
    inference = inferred(spec.name, BATCH)
    vision, decoder = spec.vision, spec.language.decoder
    if not (spec.fusion and vision and vision.width and decoder and inference.plan.fusion_dims):
        return None
    (dims, *others) = inference.plan.fusion_dims
    if others:  # views of several shapes
        return None
    setting = Setting(
        vision=vision,
        language=spec.language,
        columns=dims.columns,
        rows=dims.rows,
        num_views=dims.num_views,
        text_tokens=text_tokens,
        batch_size=BATCH,
    )
    method = FusionSpec(name=spec.name, fusion=spec.fusion)
    (row,) = compare_methods([method], setting, activations=False)
    return row


def test_compare_and_inspect_say_the_same() -> None:
    rows = {name: row for name in MODELS if (row := compared(model(name)))}
    assert len(rows) > len(MODELS) / 2
    for name, row in rows.items():
        spec, inference = model(name), inferred(name, BATCH)
        fuse, params = inference.phases[1], inference.params.fusion or 0
        assert not row.error, name
        assert row.num_params == params - extra_fusion_params(spec), name
        if not isinstance(spec.fusion, InsertedLayers):  # whose layers run in prefill there
            assert row.fuse_flops == fuse.flops, name


def extra_fusion_params(spec: ModelSpec) -> int:
    """Return the learned vectors that a model has beside its method."""
    assert spec.language.decoder is not None
    width = spec.language.decoder.width
    return sum(
        part.params or (part.num_text_vectors or 0) * width
        for part in spec.extra_params
        if part.component == "fusion"
    )


def with_all_tokens(name: str) -> tuple[Comparison, int] | None:
    """Return the row of a model and its text, extra tokens and learned newlines taken for text."""
    row, plan = compared(model(name)), inferred(name, BATCH).plan
    if row is None or row.image_tokens is None:
        return None
    text_tokens = plan.sequence_length - row.image_tokens
    longer = compared(model(name), text_tokens=text_tokens)
    return (longer, text_tokens) if longer else None


def test_the_language_model_costs_the_same_in_compare_and_inspect() -> None:
    pairs = {name: pair for name in MODELS if (pair := with_all_tokens(name))}
    assert len(pairs) > len(MODELS) / 2
    for name, (row, text_tokens) in pairs.items():
        spec, inference = model(name), inferred(name, BATCH)
        decoder, plan = spec.language.decoder, inference.plan
        assert decoder
        assert row.sequence_length == plan.sequence_length, name
        extra = decoder.head_flops(BATCH, num_extra=plan.num_extra_logits)
        flops = (row.total_flops or 0) + extra - decoder.head_flops(BATCH)
        assert flops == sum(cost.flops or 0 for cost in inference.phases[1:3]), name
        load = replace(plan.load, output_tokens=1)  # compare knows no answer
        beside = replace(load, num_images=0, text_tokens=text_tokens)
        caches = [infer(spec, asked, traced=False).cache for asked in (load, beside)]
        seen, text = (cache.total for cache in caches if cache)
        assert row.kv_cache_bytes == seen - text, name


def test_a_full_window_keeps_no_more_of_an_image_than_it_holds() -> None:
    """Gemma 2: each second layer keeps 4,095 positions, whose text the image has pushed out."""
    vision, language = load_vision("siglip-so400m-14-896"), load_language("gemma-2-2b")
    preset = load_fusion("linear")
    sizes = {}
    for text_tokens in (10, 5000):
        setting = make_setting(vision, language, text_tokens=text_tokens)
        (row,) = compare_methods([preset], setting, activations=False)
        sizes[text_tokens] = row.kv_cache_bytes
    layer = 2 * 4 * 256 * 2  # keys and values of 4 heads of 256 in 2 bytes
    assert sizes == {10: 13 * layer * (4096 + (4095 - 10)), 5000: 13 * layer * 4096}


SAMPLE = (
    *("llava-1.5-7b", "qwen2.5-vl-3b", "internvl2.5-8b", "llama-3.2-11b-vision-instruct"),
    *("blip2-flan-t5-xl", "clip-vit-l-14", "fuyu-8b", "idefics-9b", "deepseek-vl-7b"),
    *("openvla-7b", "vision:siglip-b-16-512", "opt-2.7b"),
)


def written(run: Callable[..., Any], *args: str) -> Any:
    ran = run(*args, "-f", "json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def plain(value: object) -> Any:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("name", SAMPLE)
def test_inspect_and_analyze_say_in_python_what_the_command_prints(
    run: Callable[..., Any], name: str
) -> None:
    pytest.importorskip("torch")
    document = written(run, "inspect", name, "--batch", "2")
    assert document == plain(vlcalc.inspect(name, batch_size=2).report().document)
    analyzed = vlcalc.analyze(name, batch_size=2)
    assert document["flops"] == analyzed.flops
    assert document["params"]["total"] == analyzed.params.total
    assert document["total_bytes"] == analyzed.total_bytes
    assert [phase["moved_bytes"] for phase in document["phases"]] == [
        cost.moved_bytes for cost in analyzed.phases
    ]


@pytest.mark.parametrize("name", SAMPLE[:-2])
def test_tokens_says_in_python_what_the_command_prints(run: Callable[..., Any], name: str) -> None:
    (row,) = written(run, "tokens", "--model", name, "--image", "640x480", "--text", "9")["rows"]
    row_in_python = vlcalc.tokens(name, (640, 480), text_tokens=9)
    for key in ("image_tokens", "extra_tokens", "context_tokens", "sequence_length"):
        assert row[key] == getattr(row_in_python, key), key
    assert row["num_tiles"] in (row_in_python.tiling.num_tiles, None)


@pytest.mark.parametrize(
    ("vision", "language"),
    [
        ("clip-vit-l-14-336", "vicuna-7b-v1.5"),
        ("siglip-so400m-14-384", "qwen2.5-3b"),
        ("dinov2-l-14-reg4-224", "gemma-2-2b"),
    ],
)
def test_compare_says_in_python_what_the_command_prints(
    run: Callable[..., Any], vision: str, language: str
) -> None:
    pytest.importorskip("torch")
    parts = ("--vision", vision, "--language", language)
    rows = written(run, "compare", *parts, "--columns", "all")["rows"]
    rows_in_python = vlcalc.compare(vision=vision, language=language)
    assert [row["method"] for row in rows] == [row.method.name for row in rows_in_python]
    for row, in_python in zip(rows, rows_in_python, strict=True):
        for key in (*OF_THE_BATCH, "num_params", "image_tokens", "context_tokens", "weight_bytes"):
            assert row[key] == getattr(in_python, key), key
