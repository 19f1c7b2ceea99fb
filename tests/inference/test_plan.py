"""What a load makes a model run: which encoder on how many views, and nothing without an image."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.inference.blocks.phases import encode_passes, phase_passes
from vlcalc.inference.inference import Inference, infer
from vlcalc.inference.load import Load
from vlcalc.inference.plan import Plan, make_plan
from vlcalc.inference.tables import ABSORBED, conventions, description_table
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ModelSpec


def model(name: str) -> ModelSpec:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    return spec


def load(image: tuple[int, int] = (1920, 1080), **fields: Any) -> Load:
    return Load(image=ImageSize(*image), **fields)


def plan_of(name: str, image: tuple[int, int] = (1920, 1080), **fields: Any) -> Plan:
    return make_plan(model(name), load(image, **fields))


def calls(plan: Plan) -> list[tuple[str, int, int, int]]:
    return [(call.vision.name, *call[1:]) for call in plan.encoder_calls]


@pytest.mark.parametrize(("num_images", "batch_size"), [(1, 1), (2, 3)])
def test_the_second_half_of_deepencoder_runs_on_every_view(
    num_images: int, batch_size: int
) -> None:
    """Eight tiles of 640 px and a thumbnail of 1024: SAM on patches of 16, CLIP on a sixteenth."""
    plan = plan_of("deepseek-ocr", num_images=num_images, batch_size=batch_size)
    number = num_images * batch_size
    assert calls(plan) == [
        ("deepencoder", 40, 40, 8 * number),
        ("deepencoder", 64, 64, number),
        ("deepencoder-clip-l", 10, 10, 8 * number),
        ("deepencoder-clip-l", 16, 16, number),
    ]


def test_a_second_encoder_with_a_square_of_its_own_runs_on_it_for_every_view() -> None:
    assert calls(plan_of("deepseek-vl-7b", num_images=2, batch_size=3)) == [
        ("siglip-l-16-384", 24, 24, 6),
        ("sam-vit-b", 64, 64, 6),
    ]


@pytest.mark.oracle
def test_clip_on_features_costs_what_the_real_layers_do() -> None:
    from transformers import CLIPVisionConfig
    from transformers.models.clip.modeling_clip import CLIPEncoder

    config = CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16
    )
    with torch.device("meta"):
        real = CLIPEncoder(config).requires_grad_(requires_grad=False)
    passes = encode_passes(plan_of("deepseek-ocr"))
    assert passes is not None
    for passed, (images, tokens) in zip(passes[2:], [(8, 101), (1, 257)], strict=True):
        states = torch.empty(images, tokens, 1024, device="meta")
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            real(inputs_embeds=states)
        assert passed.flops == counter.get_total_flops()


def inference(name: str, **fields: Any) -> Inference:
    return infer(model(name), load(**fields), traced=False)


@pytest.mark.parametrize(
    "name",
    ["llava-1.5-7b", "qwen2.5-vl-7b", "llama-3.2-11b-vision-instruct", "blip2-flan-t5-xl"],
)
def test_text_alone_runs_the_language_model_alone(name: str) -> None:
    found = inference(name, num_images=0, text_tokens=70, output_tokens=5, batch_size=2)
    beside = inference(name, text_tokens=70, output_tokens=5, batch_size=2)
    language = found.plan.spec.language
    assert found.plan.sequence_length == 70
    assert calls(found.plan) == []
    assert [(cost.num_tokens, cost.flops) for cost in found.phases[:2]] == [(0, 0), (0, 0)]
    if language.decoder:
        assert found.phase("prefill").flops == language.decoder.prefill_flops(70, 2)
        steps = sum(language.decoder.decode_flops(context, 2) for context in range(71, 75))
        assert found.phase("decode").flops == steps
        cached = language.decoder.kv_cache_bytes(74, 2, dtype_bytes=2)
        assert found.cache == (cached, 0)
    assert found.params == beside.params
    assert found.weights == beside.weights
    assert dict(description_table(found).rows)["request"].startswith("no image, 70 of text")


def test_text_alone_is_traced_too() -> None:
    found = infer(model("llava-1.5-7b"), load(num_images=0))
    assert [cost.peak_activation_bytes == 0 for cost in found.phases] == [True, True, False, False]
    assert found.total_bytes is not None


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(InputError, match="an image or a token of text in a prompt, got neither"):
        load(num_images=0, text_tokens=0)


@pytest.mark.parametrize("name", ["kimi-vl", "llava-1.5-7b"])
def test_the_form_of_latent_attention_is_named(name: str) -> None:
    found = inference(name)
    decoder = found.plan.spec.language.decoder
    assert decoder is not None
    assert (ABSORBED in conventions(found)) == (decoder.latent_attention is not None)
    if decoder.latent_attention:  # and it is the one that is counted
        (last,) = (phase_passes(found.plan)["decode"] or ())[-1:]
        assert last.context is not None
        own = sum(block.num_repeats * block.flops for block in last.blocks)
        assert own == decoder.decode_flops(last.context, absorbed=True)
        assert own < decoder.decode_flops(last.context, absorbed=False)
