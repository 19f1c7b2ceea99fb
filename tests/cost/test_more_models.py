"""Models without a record: each component equal to transformers' class, built on meta."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from torch import nn  # noqa: E402

from tests.cost.more_models import MODELS, build  # noqa: E402
from vlcalc.cost.components import Components, components  # noqa: E402
from vlcalc.cost.flops import count_flops_with_torch  # noqa: E402
from vlcalc.spec.loader import load_spec  # noqa: E402
from vlcalc.spec.schema import ModelSpec  # noqa: E402

pytestmark = pytest.mark.oracle

# Encoders whose class takes pixels alone, by the module of the whole model.
ENCODERS = {
    "ovis2-2b": "vision_tower.transformer",
    "aya-vision-8b": "vision_tower",
    "command-a-vision": "vision_tower",
    "llava-next-video-7b": "vision_tower",
    "video-llava-7b": "image_tower",
}


def counted(model: nn.Module, prefixes: tuple[str, ...]) -> int:
    """Return the unique parameters under the prefixes, each of which must have some."""
    sizes = {
        name: weight.numel()
        for name, weight in model.named_parameters()
        if name.startswith(tuple(f"{prefix}." for prefix in prefixes)) or name in prefixes
    }
    for prefix in prefixes:
        assert any(name.startswith(prefix) for name in sizes), prefix
    return sum(sizes.values())


@pytest.mark.parametrize("name", MODELS)
def test_components_are_those_of_the_class(name: str) -> None:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    theirs = build(name)
    vision = counted(theirs, MODELS[name].vision)
    fusion = counted(theirs, MODELS[name].fusion)
    other = counted(theirs, MODELS[name].other)
    total = sum(weight.numel() for weight in theirs.parameters())
    assert components(spec) == Components(vision, fusion, total - vision - fusion - other, other)


@pytest.mark.parametrize("name", ENCODERS)
def test_encoding_costs_what_the_class_runs(name: str) -> None:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    assert spec.vision is not None
    assert spec.vision.encoder is not None
    encoder, size = spec.vision.encoder, spec.vision.image_size
    assert size is not None
    tower = build(name).get_submodule(f"model.{ENCODERS[name]}")
    pixels = torch.empty(2, 3, size, size, device="meta")
    side = size // encoder.patch_size
    assert count_flops_with_torch(tower, (pixels,))[""] == encoder.flops(side, side, batch=2)


@pytest.mark.parametrize("name", ["aya-vision-8b", "granite-vision-3.2-2b", "got-ocr2"])
def test_prefill_costs_what_the_class_runs(name: str) -> None:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    assert spec.language.decoder is not None
    text = build(name).get_submodule("model.language_model")
    ids = torch.zeros(2, 33, dtype=torch.long, device="meta")
    flops = spec.language.decoder.prefill_flops(33, batch=2, logits="none")
    assert count_flops_with_torch(text, (ids,))[""] == flops
