"""Whole models against the real classes: parameters, FLOPs of every phase, bytes of the cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import pytest

from tests.inference.real import Real
from tests.inference.real_beside_sequence import blip, clip, idefics, mllama
from tests.inference.real_in_sequence import blip2_opt, blip2_t5, llava, qwen25
from vlcalc.backbones.decoder import Logits
from vlcalc.core.image_size import ImageSize
from vlcalc.cost.components import Components, components
from vlcalc.inference.blocks.block import Phase
from vlcalc.inference.blocks.phases import phase_passes
from vlcalc.inference.load import Load
from vlcalc.inference.memory import cache_bytes
from vlcalc.inference.plan import Plan, make_plan
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ModelSpec

pytestmark = pytest.mark.oracle


class System(NamedTuple):
    """A model, a size of image, the text beside it, and the real class at its full size."""

    image: ImageSize
    real: Callable[[int], Real]
    texts: tuple[int, ...] = (50, 617)


SYSTEMS = {
    "blip-image-captioning-base": System(ImageSize(640, 480), blip, (50, 300)),
    "clip-vit-l-14-336": System(ImageSize(640, 480), clip, (7, 77)),
    "llava-1.5-7b": System(ImageSize(640, 480), llava),
    "blip2-opt-2.7b": System(ImageSize(640, 480), blip2_opt),
    "blip2-flan-t5-xl": System(ImageSize(640, 480), blip2_t5),
    "idefics-9b": System(ImageSize(640, 480), idefics),
    "qwen2.5-vl-7b": System(ImageSize(756, 476), qwen25),
    "llama-3.2-11b-vision-instruct": System(ImageSize(1120, 1120), mllama),
    "llama-3.2-90b-vision-instruct": System(
        ImageSize(1120, 1120), partial(mllama, large=True), (50,)
    ),
}


@cache
def real(name: str, sequence_length: int) -> Real:
    return SYSTEMS[name].real(sequence_length)


CASES = [(name, text) for name, system in SYSTEMS.items() for text in system.texts]


def model(name: str) -> ModelSpec:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    return spec


def planned(name: str, text_tokens: int, logits: Logits) -> Plan:
    load = Load(image=SYSTEMS[name].image, text_tokens=text_tokens, output_tokens=2, logits=logits)
    return make_plan(model(name), load)


def flops(plan: Plan, phase: Phase) -> tuple[int, int]:
    """Return the FLOPs of a phase, the head apart."""
    blocks = [
        (passed.num_runs * block.num_repeats * block.flops, block.path == "language.head")
        for passed in phase_passes(plan)[phase] or ()
        for block in passed.blocks
    ]
    head = sum(count for count, is_head in blocks if is_head)
    return int(sum(count for count, _ in blocks) - head), int(head)


# transformers has no cache for these keys and values, and makes them anew for every token; we
# count them as kept, as those of every other model are.
MADE_ANEW = {"idefics-9b": 8 * 2 * 2 * 64 * 1280 * 4096}


@pytest.mark.parametrize(("name", "text"), CASES)
def test_flops_and_cache_are_those_of_the_real_class(name: str, text: int) -> None:
    plan = planned(name, text, "all")
    found = real(name, plan.sequence_length)
    assert flops(plan, "encode") == (found.vision, 0)
    assert flops(plan, "fuse") == (found.fusion, 0)
    assert flops(plan, "prefill") == (found.layers, found.all_logits)
    assert flops(planned(name, text, "last"), "prefill") == (found.layers, found.last_logits)
    step = found.step - MADE_ANEW.get(name, 0)
    assert flops(plan, "decode") == (step, found.last_logits if step else 0)
    cached = cache_bytes(plan)
    assert cached is not None
    assert cached.self_attention == 2 * found.cached
    if name not in MADE_ANEW:
        assert cached.cross_attention == 2 * found.cross_cached


@pytest.mark.parametrize("name", SYSTEMS)
def test_components_have_the_parameters_of_the_real_class(name: str) -> None:
    plan = planned(name, SYSTEMS[name].texts[0], "all")
    found = components(plan.spec)
    assert found == Components(*real(name, plan.sequence_length).params, other=0)
