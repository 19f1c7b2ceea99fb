"""A part by itself costs what it costs in the models that have it; text alone, the language model.

Every part and every model of the catalogue in closed forms; a few of each kind traced.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from vlcalc.core.errors import InputError, RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.cost.components import language_params, vision_params
from vlcalc.inference.document import to_document
from vlcalc.inference.inference import Inference, infer
from vlcalc.inference.load import Load
from vlcalc.inference.plan import EncoderCall
from vlcalc.serving.limits import limits
from vlcalc.spec import catalogue
from vlcalc.spec.alone import encoder_alone, language_alone
from vlcalc.spec.loader import build_entry
from vlcalc.spec.parts import load_language, load_vision
from vlcalc.spec.schema import ModelSpec, VisionSpec

MODELS = [entry.name for entry in catalogue.entries("model")]
ENCODERS = [path.stem for path in catalogue.files("vision")]
LANGUAGES = [path.stem for path in catalogue.files("language")]
SEEN = Load(image=ImageSize(1, 1), text_tokens=0, output_tokens=1)
READ = Load(image=ImageSize(1, 1), num_images=0, text_tokens=24, output_tokens=8, batch_size=2)
TRACED = ("llava-1.5-7b", "openvla-7b", "deepseek-ocr", "qwen2.5-vl-3b")
CROSSED = ("llama-3.2-11b-vision-instruct", "idefics-9b", "blip-image-captioning-base")


@cache
def model(name: str) -> ModelSpec:
    spec = build_entry(catalogue.find(name, ("model",)))
    assert isinstance(spec, ModelSpec)
    return spec


def own_load(spec: ModelSpec) -> Load:
    side = (spec.vision.image_size if spec.vision else None) or 448
    return Load(image=ImageSize(side, side), text_tokens=24, batch_size=3)


def alone(call: EncoderCall, *, traced: bool = False) -> Inference:
    """Return what an encoder costs by itself on such inputs."""
    vision = call.vision
    spec, patch = encoder_alone(vision), vision.patch_size or vision.image_size or 1
    image = ImageSize(call.columns * patch, call.rows * patch)
    return infer(spec, replace(SEEN, image=image, batch_size=call.batch_size), traced=traced)


@pytest.mark.parametrize("name", MODELS)
def test_an_encoder_costs_what_it_does_in_a_model(name: str) -> None:
    whole = infer(model(name), own_load(model(name)), traced=False)
    known = [alone(call) for call in whole.plan.encoder_calls]
    encode = whole.phase("encode")
    flops = [part.flops for part in known]
    assert encode.flops == (None if None in flops else sum(count or 0 for count in flops))
    if encode.num_tokens is not None:
        assert encode.num_tokens == sum(part.phases[0].num_tokens or 0 for part in known)


@pytest.mark.parametrize("name", TRACED)
def test_an_encoder_moves_and_holds_what_it_does_in_a_model(name: str) -> None:
    load = replace(own_load(model(name)), num_images=1, batch_size=2, output_tokens=1)
    whole = infer(model(name), load)
    parts = [alone(call, traced=True) for call in whole.plan.encoder_calls]
    encode = whole.phase("encode")
    assert encode.moved_bytes == sum(part.moved_bytes or 0 for part in parts)
    peaks = [part.peak_activation_bytes or 0 for part in parts]
    assert encode.peak_activation_bytes == max(peaks)


@pytest.mark.parametrize("name", MODELS)
def test_text_alone_costs_what_the_language_model_does(name: str) -> None:
    spec = model(name)
    whole, part = (
        infer(each, READ, traced=False) for each in (spec, language_alone(spec.language))
    )
    encode, fuse, prefill, decode = whole.phases
    assert [(cost.num_tokens, cost.flops) for cost in (encode, fuse)] == [(0, 0), (0, 0)]
    assert (prefill.num_tokens, decode) == (part.phases[0].num_tokens, _beside(part, whole))
    assert whole.cache == part.cache
    if whole.cache and spec.language.decoder:
        assert whole.cache.cross_attention == 0  # there is nothing to attend to
    if not whole.plan.num_extra_logits:
        assert prefill == part.phases[0]


def _beside(part: Inference, whole: Inference) -> object:
    """Return a decode phase; a model with logits beside its vocabulary has its own."""
    return whole.phases[3] if whole.plan.num_extra_logits else part.phases[1]


@pytest.mark.parametrize("name", [*TRACED, *CROSSED[::2], "blip2-flan-t5-xl", "clip-vit-l-14"])
def test_text_alone_moves_and_holds_what_the_language_model_does(name: str) -> None:
    spec, load = model(name), replace(READ, output_tokens=3)
    whole, part = (infer(each, load) for each in (spec, language_alone(spec.language)))
    assert [(cost.moved_bytes, cost.peak_activation_bytes) for cost in whole.phases] == [
        *[(0, 0), (0, 0)],
        *((cost.moved_bytes, cost.peak_activation_bytes) for cost in part.phases),
    ]


@pytest.mark.parametrize("name", CROSSED)
def test_without_an_image_nothing_is_cross_attended(name: str) -> None:
    spec = model(name)
    text, seen = (infer(spec, each, traced=False) for each in (READ, own_load(spec)))
    assert text.cache
    assert text.cache.cross_attention == 0
    assert seen.cache
    assert seen.cache.cross_attention > 0


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_is_shown_without_what_it_lacks(name: str) -> None:
    vision = load_vision(name)
    if vision.external:
        with pytest.raises(InputError, match="which is run beforehand"):
            encoder_alone(vision)
        return
    spec = encoder_alone(vision)
    result = infer(spec, replace(SEEN, image=spec.own_size or ImageSize(448, 448)), traced=False)
    document = to_document(result)
    params = vision_params(vision)
    assert document["params"] == {"total": params, "vision": params}
    assert [phase["phase"] for phase in document["phases"]] == ["encode"]
    assert document["phases"][0]["flops"] == document["flops"]
    assert (document["flops"] is None) == (vision.encoder is None)
    assert "kv_cache_bytes" not in document
    assert {"text_tokens", "output_tokens", "logits"}.isdisjoint(document["request"])


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_language_model_is_shown_without_what_it_lacks(name: str) -> None:
    language = load_language(name)
    result = infer(language_alone(language), READ, traced=False)
    document = to_document(result)
    params = language_params(language)
    assert document["params"] == {"total": params, "language": params}
    assert [phase["phase"] for phase in document["phases"]] == ["prefill", "decode"]
    assert (document["kv_cache_bytes"] is None) == (language.shape is None)
    assert {"image", "num_images"}.isdisjoint(document["request"])
    lines = document["tree"]
    assert sum(line["params"] for line in lines[1:]) == (params if language.shape else 0)


def test_limits_of_a_part_are_of_what_it_takes() -> None:
    room = 10 * 1024**3
    encoder, language = encoder_alone(load_vision("vit-b-16-224")), load_language("opt-2.7b")
    seen = replace(SEEN, image=ImageSize(224, 224))
    (batch,) = limits(encoder, seen, room)
    assert batch.name == "batch"
    for number, fits in ((batch.value, True), (batch.value + 1, False)):
        need = infer(encoder, replace(seen, batch_size=number)).total_bytes
        assert need is not None
        assert (need <= room) == fits
    names = [limit.name for limit in limits(language_alone(language), READ, room)]
    assert names == ["batch", "context"]


SQUARES = [vision for vision in map(load_vision, ENCODERS) if vision.encoder and vision.image_size]


@pytest.mark.parametrize("vision", SQUARES, ids=lambda vision: vision.name)
def test_an_encoder_runs_on_its_own_square_by_default(vision: VisionSpec) -> None:
    assert vision.image_size
    assert vision.patch_size
    (call,) = infer(
        encoder_alone(vision),
        replace(SEEN, image=ImageSize(vision.image_size, vision.image_size)),
        traced=False,
    ).plan.encoder_calls
    assert (call.columns, call.rows) == (vision.image_size // vision.patch_size,) * 2


def test_an_image_below_a_patch_is_refused() -> None:
    with pytest.raises(RefusedError, match="13x400: expected sides of at least a patch, 14 px"):
        infer(encoder_alone(load_vision("moonvit")), replace(SEEN, image=ImageSize(13, 400)))
