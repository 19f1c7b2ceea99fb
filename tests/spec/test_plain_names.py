"""What people call a family leads to its usual member, or to a list of its members."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlcalc.core.errors import InputError
from vlcalc.spec import catalogue
from vlcalc.spec.loader import load_any, load_spec
from vlcalc.spec.schema import ModelSpec

USUAL = {
    "llava": "llava-1.5-7b",
    "LLaVA-1.6": "llava-next-mistral-7b",
    "llava-next": "llava-next-mistral-7b",
    "llava-ov": "llava-onevision-7b",
    "otter": "otter-9b-llama7b",
    "openflamingo": "openflamingo-9b",
    "paligemma": "paligemma-3b-224",
    "paligemma2": "paligemma2-3b-224",
    "paligemma-2": "paligemma2-3b-224",
    "internvl2": "internvl2-8b",
    "internvl2.5": "internvl2.5-8b",
    "internvl-3": "internvl3-8b",
    "molmo": "molmo-7b-d",
    "llama-3.2-vision": "llama-3.2-11b-vision-instruct",
    "llama3.2-vision": "llama-3.2-11b-vision-instruct",
    "janus-pro": "janus-pro-7b",
    "smolvlm": "smolvlm-2.2b",
    "smolvlm2": "smolvlm2-2.2b",
    "siglip": "siglip-so400m-14-384",
    "align": "align-base",
    "blip-2": "blip2-opt-2.7b",
    "gemma-3": "gemma3-4b",
    "florence-2": "florence-2-large",
    "granite vision": "granite-vision-3.2-2b",
    "mistralai/Pixtral-12B-2409": "pixtral-12b",
    "qwen2_vl": "qwen2-vl-7b",
    "deepseek-vl": "deepseek-vl-1.3b",
    "llama-4": "llama-4-scout",
}
MEMBERS = {
    "clip": ("clip-rn50", "clip-vit-b-32", "clip-vit-l-14"),
    "flamingo": ("flamingo-3b", "flamingo-9b", "flamingo-80b"),
    "minicpm-v": ("minicpm-v-2.6", "minicpm-v-4.6"),
    "git": ("git-base", "git-large"),
    "kimi": ("kimi-vl-a3b", "kimi-k2.5"),
    "claude": ("claude-haiku-4-5", "and 1"),
    "nova": ("amazon-nova-v1",),
    "grok": ("grok-4",),
}


@pytest.mark.parametrize("name", USUAL)
def test_a_plain_name_leads_to_the_usual_member(name: str) -> None:
    assert load_spec(name).name == USUAL[name]


@pytest.mark.parametrize("name", MEMBERS)
def test_a_family_without_a_usual_member_lists_all(name: str) -> None:
    with pytest.raises(InputError, match="there is") as refusal:
        load_spec(name)
    assert all(member in refusal.value.hint for member in MEMBERS[name])


@pytest.mark.parametrize(
    ("part", "name"),
    [("language", "lmsys/vicuna-7b-v1.5"), ("vision", "openai/clip-vit-large-patch14-336")],
)
def test_a_part_may_be_called_by_its_hub_id(tmp_path: Path, part: str, name: str) -> None:
    text = Path(catalogue.specs_folder() / "models" / "llava-1.5-7b.yaml").read_text()
    own = {"language": "vicuna-7b-v1.5", "vision": "clip-vit-l-14-336"}[part]
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(f"use: {own}", f"use: {name}", 1))
    assert name in path.read_text()
    spec = load_spec(str(path))
    assert isinstance(spec, ModelSpec)
    assert getattr(spec, part).name == own


@pytest.mark.parametrize("kind", catalogue.FOLDERS)
def test_no_two_specs_of_a_kind_answer_to_one_name(kind: str) -> None:
    owners: dict[str, str] = {}
    for entry in catalogue.entries(kind):
        for name in entry.names:
            assert owners.setdefault(name, entry.name) == entry.name, name


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "", "..", "../models/aria", "a/" * 2000])
def test_a_name_that_no_file_can_have_is_one_line(name: str) -> None:
    with pytest.raises(InputError) as refusal:
        load_any(name)
    assert len(str(refusal.value)) < 400
    assert str(refusal.value).isprintable()
