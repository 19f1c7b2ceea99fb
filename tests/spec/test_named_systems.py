"""Every system that the founding articles name is in the catalogue, with what is known of it."""

from __future__ import annotations

import pytest

from vlcalc.spec import catalogue
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ModelSpec

# What the articles call it -> the specs that answer.
OPEN = {
    "CLIP": ("clip-vit-b-32", "clip-vit-l-14", "clip-vit-l-14-336", "clip-rn50"),
    "ALIGN": ("align-base",),
    "BLIP": ("blip",),
    "BLIP-2": ("blip2-opt-2.7b", "blip2-opt-6.7b", "blip2-flan-t5-xl"),
    "InstructBLIP": ("instructblip-vicuna-7b",),
    "Flamingo": ("flamingo-3b", "flamingo-9b", "flamingo-80b"),
    "IDEFICS": ("idefics-9b", "idefics-80b"),
    "OpenFlamingo": ("openflamingo-9b",),
    "Otter": ("otter-9b-llama7b",),
    "LLaVA-1.0": ("llava-1.0-7b", "llava-1.0-13b"),
    "LLaVA-1.5": ("llava-1.5-7b", "llava-1.5-13b"),
    "LLaVA-NeXT": ("llava-next-vicuna-7b", "llava-next-mistral-7b"),
    "OpenVLA": ("openvla-7b",),
    "PaLI": ("pali-3b", "pali-15b", "pali-17b"),
    "PaliGemma": ("paligemma-3b-224", "paligemma2-3b-224"),
    "Qwen-VL": ("qwen-vl-7b",),
    "Qwen2-VL": ("qwen2-vl-2b", "qwen2-vl-7b"),
    "Qwen2.5-VL": ("qwen2.5-vl-3b", "qwen2.5-vl-7b", "qwen2.5-vl-72b"),
    "Qwen3-VL": ("qwen3-vl-2b", "qwen3-vl-8b", "qwen3-vl-32b", "qwen3-vl-30b-a3b"),
    "InternVL 1": ("internvl-14b",),
    "InternVL 1.5": ("internvl-1.5",),
    "InternVL 2": ("internvl2-2b", "internvl2-8b"),
    "InternVL 2.5": ("internvl2.5-8b", "internvl2.5-38b"),
    "InternVL 3": ("internvl3-1b", "internvl3-8b", "internvl3-38b"),
    "DeepSeek-VL": ("deepseek-vl-1.3b", "deepseek-vl-7b"),
    "DeepSeek-VL2": ("deepseek-vl2-tiny", "deepseek-vl2-small", "deepseek-vl2"),
    "Llama 3.2 Vision": ("llama-3.2-11b-vision-instruct", "llama-3.2-90b-vision-instruct"),
    "VisualBERT": ("visualbert", "visualbert-nlvr2"),
    "Fuyu": ("fuyu-8b",),
}
NO_FUSION = {"internvl-14b"}  # QLLaMA, whose vocabulary is not in print
HOSTED = ("gpt-4v", "gpt-4o", "claude-opus-4-5", "claude-sonnet-4-5", "gemini-2.5-pro")
UNDISCLOSED = {"openai", "anthropic", "google", "xai", "amazon"}


@pytest.mark.parametrize("name", [name for names in OPEN.values() for name in names])
def test_an_open_system_has_its_parts_stages_figures_and_sources(name: str) -> None:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    assert spec.training
    assert spec.published
    assert spec.sources
    language = spec.language
    shape = language.decoder or language.encoder_decoder or language.text_encoder
    assert (spec.fusion is None) == (shape is None) == (spec.name in NO_FUSION)


@pytest.mark.parametrize("name", HOSTED)
def test_a_hosted_system_is_an_api(name: str) -> None:
    assert isinstance(load_spec(name), ApiSpec)


def test_what_hosts_do_not_disclose_is_said_to_be_so() -> None:
    specs = [load_spec(entry.name) for entry in catalogue.entries("api")]
    closed = [spec for spec in specs if isinstance(spec, ApiSpec) and spec.provider in UNDISCLOSED]
    assert {spec.provider for spec in closed} == set(UNDISCLOSED)
    for spec in closed:
        assert any("architecture undisclosed" in note for note in spec.notes), spec.name
