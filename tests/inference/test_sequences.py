"""What stands in the sequence and what does not: cross-attended vectors, towers of late fusion."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.inference.blocks.block import PHASES, Phase
from vlcalc.inference.blocks.phases import phase_passes
from vlcalc.inference.inference import Inference, infer, phase_tokens
from vlcalc.inference.load import Load
from vlcalc.inference.memory import cache_bytes
from vlcalc.inference.plan import Plan, make_plan
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ExtraParams, ModelSpec


def plan_of(name: str, image: tuple[int, int] = (1120, 1120), **fields: Any) -> Plan:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    return make_plan(spec, Load(image=ImageSize(*image), **fields))


def inference(name: str, image: tuple[int, int], **fields: Any) -> Inference:
    plan = plan_of(name, image, **fields)
    return infer(plan.spec, plan.load, traced=False)


def flops(plan: Plan, phase: Phase) -> int:
    return int(sum(passed.flops for passed in phase_passes(plan)[phase] or ()))


# context vectors of an image, cross-attention layers, width of keys, layers and width of the text
CROSS: dict[str, tuple[int, int, int, int, int]] = {
    "llama-3.2-11b-vision-instruct": (4 * 1601, 8, 1024, 32, 1024),
    "llama-3.2-90b-vision-instruct": (4 * 1601, 20, 1024, 80, 1024),
    "llama-3.2-11b-vision": (4 * 1025, 8, 1024, 32, 1024),
    "idefics-9b": (64, 8, 4096, 32, 4096),
    "blip-image-captioning-base": (577, 12, 768, 12, 768),
}
POSITIONS = {"idefics-9b": 3, "blip-image-captioning-base": 0}  # a marker between two tokens; none


@pytest.mark.parametrize("name", CROSS)
@pytest.mark.parametrize("kv_dtype", ["bfloat16", "float8"])
def test_images_are_cached_where_they_are_attended_to(name: str, kv_dtype: str) -> None:
    vectors, cross_layers, cross_width, layers, width = CROSS[name]
    kv_bytes = {"bfloat16": 2, "float8": 1}[kv_dtype]
    plan = plan_of(name, text_tokens=50, output_tokens=20, batch_size=3, kv_dtype=kv_dtype)
    positions = POSITIONS.get(name, 1)
    assert plan.sequence_length == 50 + positions
    assert phase_tokens(plan)["prefill"] == 3 * (50 + positions)
    assert phase_tokens(plan)["fuse"] == 3 * vectors
    cache = cache_bytes(plan)
    assert cache is not None
    assert cache.self_attention == 3 * 2 * layers * (50 + positions + 19) * width * kv_bytes
    assert cache.cross_attention == 3 * 2 * cross_layers * vectors * cross_width * kv_bytes


def test_another_image_adds_a_marker_and_its_keys() -> None:
    name = "llama-3.2-11b-vision-instruct"
    one, two = (plan_of(name, num_images=number, output_tokens=1) for number in (1, 2))
    assert (one.sequence_length, two.sequence_length) == (51, 52)
    assert one.budget.context_tokens == 6404
    assert two.budget.context_tokens == 2 * 6404
    caches = [cache_bytes(plan) for plan in (one, two)]
    assert caches[0] is not None
    assert caches[1] is not None
    assert caches[1].cross_attention == 2 * caches[0].cross_attention == 2 * 209_846_272
    assert caches[1].self_attention - caches[0].self_attention == 2 * 32 * 1024 * 2


def test_a_smaller_image_is_filled_up_to_all_tiles() -> None:
    name = "llama-3.2-11b-vision-instruct"
    small, large = plan_of(name, (300, 300)), plan_of(name)
    assert small.budget.context_tokens == 1601
    for phase in PHASES:
        assert flops(small, phase) == flops(large, phase)
    assert cache_bytes(small) == cache_bytes(large)


def test_the_text_attends_to_the_image_at_its_own_length() -> None:
    name = "llama-3.2-11b-vision-instruct"
    lengths = [flops(plan_of(name, text_tokens=text), "prefill") for text in (99, 199, 299)]
    per_pair = 4 * 32 * 4096  # scores and sums of the self-attention of 32 layers
    assert lengths[2] - 2 * lengths[1] + lengths[0] == per_pair * (300**2 - 2 * 200**2 + 100**2)


TOWERS = {
    "clip-vit-l-14-336": 77,
    "clip-vit-b-32": 77,
    "openclip-vit-h-14": 77,
    "siglip-so400m-14-384": 64,
}


@pytest.mark.parametrize("name", TOWERS)
def test_a_text_tower_sees_the_text_alone(name: str) -> None:
    plan = plan_of(name, output_tokens=4096)  # it answers nothing, so that no room is kept
    shape = plan.spec.language.text_encoder
    assert shape is not None
    assert plan.sequence_length == 50
    assert flops(plan, "prefill") == shape.num_flops(50)
    assert flops(plan, "decode") == 0
    assert phase_tokens(plan)["decode"] == 0
    assert cache_bytes(plan) == (0, 0)
    full = plan_of(name, text_tokens=TOWERS[name])
    assert flops(full, "prefill") == shape.num_flops(TOWERS[name])
    window = f"at most {TOWERS[name]} tokens, the context window of {name}"
    with pytest.raises(InputError, match=f"{window}, got {TOWERS[name] + 1}"):
        plan_of(name, text_tokens=TOWERS[name] + 1)


def test_regions_stand_in_the_sequence_of_visualbert() -> None:
    plan = plan_of("visualbert-vqa-coco-pre")
    shape = plan.spec.language.text_encoder
    assert shape is not None
    assert plan.sequence_length == 50 + 100
    assert flops(plan, "prefill") == shape.num_flops(150)
    assert flops(plan, "decode") == 0


def test_an_answer_takes_positions_of_a_text_decoder() -> None:
    name = "blip-image-captioning-base"
    plan_of(name, text_tokens=500, output_tokens=12)
    with pytest.raises(InputError, match=r"at most 512 tokens.*got 513: 0 for an image"):
        plan_of(name, text_tokens=500, output_tokens=13)


def test_a_source_and_its_answer_are_cached_apart() -> None:
    found = inference("blip2-flan-t5-xl", (640, 480), text_tokens=40, output_tokens=10)
    assert found.plan.sequence_length == 72
    assert found.cache is not None
    assert found.cache.cross_attention == 2 * 24 * 72 * 2048 * 2
    assert found.cache.self_attention == 2 * 24 * 10 * 2048 * 2
    assert found.phases[3].num_tokens == 9


def test_logits_of_extra_tokens_are_rows_of_the_head() -> None:
    assert plan_of("idefics-9b").num_extra_logits == 2
    fields = {"what": "x", "component": "fusion", "num_text_vectors": 2}
    assert ExtraParams.model_validate({**fields, "num_logits": 2}).num_logits == 2
    with pytest.raises(ValidationError, match="`num_logits` of at most `num_text_vectors`"):
        ExtraParams.model_validate({**fields, "num_logits": 3})
