"""The ids under which users know the siblings of a model lead to that sibling's own spec."""

from __future__ import annotations

from collections import Counter

import pytest

from vlcalc.spec import catalogue
from vlcalc.spec.loader import load_spec

SIBLINGS = {
    "Qwen/Qwen2-VL-72B-Instruct": "qwen2-vl-72b",
    "Qwen/QVQ-72B-Preview": "qwen2-vl-72b",
    "Qwen/Qwen2.5-VL-32B-Instruct": "qwen2.5-vl-32b",
    "allenai/olmOCR-2-7B-1025": "qwen2.5-vl-7b",
    "Qwen/Qwen3-VL-4B-Thinking": "qwen3-vl-4b",
    "Qwen/Qwen3-VL-8B-Thinking": "qwen3-vl-8b",
    "Qwen/Qwen3-VL-235B-A22B-Instruct": "qwen3-vl-235b-a22b",
    "OpenGVLab/InternVL2-1B": "internvl2-1b",
    "OpenGVLab/InternVL2_5-78B-MPO": "internvl2.5-78b",
    "OpenGVLab/InternVL3-1B-hf": "internvl3-1b",
    "OpenGVLab/InternVL3-78B": "internvl3-78b",
    "OpenGVLab/InternVL3_5-8B": "internvl3.5-8b",
    "OpenGVLab/InternVL3_5-241B-A28B-HF": "internvl3.5-241b-a28b",
    "OpenGVLab/InternVL3_5-GPT-OSS-20B-A4B-Preview": "internvl3.5-20b-a4b",
    "google/gemma-3-12b-it": "gemma3-12b",
    "google/gemma-4-31B-it": "gemma4-31b",
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct": "llama-4-maverick",
    "google/paligemma2-10b-mix-448": "paligemma2-10b-448",
    "llava-hf/llava-v1.6-34b-hf": "llava-next-34b",
    "llava-hf/llava-onevision-qwen2-72b-ov-hf": "llava-onevision-72b",
    "openflamingo/OpenFlamingo-3B-vitl-mpt1b": "openflamingo-3b",
    "mistralai/Mistral-Small-3.2-24B-Instruct-2506": "mistral-small-3.2-24b",
    "mistralai/Ministral-3-8B-Instruct-2512": "ministral-3-8b",
    "moonshotai/Kimi-K2.6": "kimi-k2.6",
    "openbmb/MiniCPM-Llama3-V-2_5": "minicpm-v-2.5",
    "openbmb/MiniCPM-o-2_6": "minicpm-o-2.6",
    "openbmb/MiniCPM-V-4_6": "minicpm-v-4.6",
    "allenai/Molmo-72B-0924": "molmo-72b",
    "zai-org/GLM-4.5V": "glm-4.5v",
    "google/siglip2-so400m-patch14-384": "siglip2-so400m-14-384",
}


@pytest.mark.parametrize(("repository", "name"), SIBLINGS.items())
def test_an_id_leads_to_the_spec_of_that_size(repository: str, name: str) -> None:
    assert load_spec(repository).name == name


def test_no_two_models_answer_to_one_name() -> None:
    names = Counter(name for entry in catalogue.entries("model") for name in entry.names)
    assert [name for name, count in names.items() if count > 1] == []
