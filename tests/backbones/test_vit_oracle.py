"""The vision transformer against transformers: parameters, FLOPs, and the forward pass itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tests.backbones.vision_records import changed
from tests.backbones.vision_specs import ENCODERS
from tests.backbones.vit_reference import (
    FUSION,
    VISION_FAMILIES,
    default_encoder,
    encoder_params,
    random_encoder,
    reference_encoder,
)
from tests.backbones.vit_weights import copy_weights
from vlcalc.backbones.vit import VisionTransformer
from vlcalc.cost.flops import count_flops

pytestmark = pytest.mark.oracle

SPEC_FAMILIES = {
    "clip-vit-b-16": "clip",
    "clip-vit-b-32": "clip",
    "clip-vit-l-14": "clip",
    "clip-vit-l-14-336": "clip",
    "openclip-vit-h-14": "clip",
    "openclip-vit-bigg-14-224": "clip",
    "languagebind-l-14": "clip",
    "blip-vit-b-16-384": "blip",
    "eva-vit-g-14": "blip2",
    "eva-vit-g-14-blip2": "blip2",
    "internvit-300m-448px": "internvl",
    "internvit-6b-448px": "internvl",
    "llama4-vit-14-336": "llama4",
    "mllama-vit-h-14-448": "mllama",
    "mllama-vit-h-14-560": "mllama",
    "pixtral-vit-14": "pixtral",
    "pixtral-vit-16": "pixtral",
    "qwen2-vl-vit": "qwen2-vl",
    "qwen2.5-vl-vit": "qwen2.5-vl",
    "qwen2.5-vl-vit-72b": "qwen2.5-vl",
    "qwen3-vl-vit": "qwen3-vl",
    "qwen3-vl-vit-300m": "qwen3-vl",
    "sam-vit-b": "sam",
    "siglip-so400m-14-364": "idefics3",
    "siglip-so400m-14-384": "siglip",
    "siglip-so400m-14-980": "idefics2",
    "siglip-b-16-512": "siglip",
    "siglip-l-16-384": "siglip",
    "vit-b-16-224": "vit",
    "vit-l-14-224": "vit",
}

# Released classes whose defaults are the released model.
DEFAULTS = [
    "clip-vit-b-32",
    "eva-vit-g-14-blip2",
    "mllama-vit-h-14-448",
    "pixtral-vit-16",
    "qwen2-vl-vit",
    "sam-vit-b",
    "vit-b-16-224",
]

META = ["clip", "siglip", "vit", "blip", "blip2", "internvl", "dinov2", "dinov2 with registers"]
META += ["mllama", "llama4", "pixtral", "sam"]
ON_CPU = ["siglip2", "idefics2", "idefics3", "qwen2-vl", "qwen2.5-vl", "qwen3-vl", "glm4v"]
SAME_FORWARD = [*META[:9], "sam", "qwen2-vl", "qwen2.5-vl"]
EPS = {"clip": 1e-5, "blip": 1e-5, "mllama": 1e-5, "vit": 1e-12}


def params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("family", VISION_FAMILIES)
@pytest.mark.parametrize("seed", range(15))
def test_random_shapes_have_the_parameters_of_the_real_class(family: str, seed: int) -> None:
    shape = random_encoder(VISION_FAMILIES[family], seed)
    expected = encoder_params(reference_encoder(shape, VISION_FAMILIES[family]))
    assert params(shape.build()) == shape.num_params() == expected


@pytest.mark.parametrize("family", VISION_FAMILIES)
def test_our_own_tracer_counts_all_of_it(family: str) -> None:
    shape = random_encoder(VISION_FAMILIES[family], 7)
    own = (shape.position_side or 5,) * 2
    for grid in [own] if shape.tiles else [own, (9, 7)]:
        counted = count_flops(shape.build(), shape.example_inputs(*grid, batch=2))
        assert counted.require_complete().total == shape.flops(*grid, batch=2)


@pytest.mark.parametrize("name", SPEC_FAMILIES)
def test_specs_have_the_parameters_of_the_real_class(name: str) -> None:
    real = reference_encoder(ENCODERS[name], VISION_FAMILIES[SPEC_FAMILIES[name]])
    assert encoder_params(real) == ENCODERS[name].num_params()


@pytest.mark.parametrize("name", DEFAULTS)
def test_specs_have_the_parameters_of_released_defaults(name: str) -> None:
    real = default_encoder(VISION_FAMILIES[SPEC_FAMILIES[name]])
    assert encoder_params(real) == ENCODERS[name].num_params()


def patches_by_block(pixels: Tensor, shape: VisionTransformer) -> Tensor:
    """Return an image as Qwen's processor does: its patches, one 2 x 2 block after another."""
    height, width = pixels.shape[2:]
    side = shape.patch_size
    frames = pixels[:, :, None].expand(-1, -1, shape.temporal_patch_size, -1, -1)[0]
    blocks = (height // side // 2, 2, side, width // side // 2, 2, side)
    split = frames.reshape(*frames.shape[:2], *blocks)  # (c, t, i, 2, side, j, 2, side)
    return split.permute(2, 5, 3, 6, 0, 1, 4, 7).reshape(-1, shape.patch_inputs)


def real_inputs(family: str, shape: VisionTransformer, pixels: Tensor) -> dict[str, Any]:
    """Return what the real class takes for images (b, channels, height, width)."""
    batch, _, height, width = pixels.shape
    rows, columns = height // shape.patch_size, width // shape.patch_size
    grid = torch.tensor([[rows, columns]] * batch)
    if family.startswith(("qwen", "glm")):
        thw = nn.functional.pad(grid, (1, 0), value=1)
        return {"hidden_states": patches_by_block(pixels, shape), "grid_thw": thw}
    if family.startswith("idefics"):
        real = torch.ones(batch, rows, columns, dtype=torch.bool)
        return {"pixel_values": pixels, "patch_attention_mask": real}
    if family == "siglip2":
        patches = torch.zeros(batch, rows * columns, shape.patch_inputs)
        mask = torch.ones(batch, rows * columns)
        return {"pixel_values": patches, "pixel_attention_mask": mask, "spatial_shapes": grid}
    return {"pixel_values": pixels}


def real_flops(model: nn.Module, **inputs: Any) -> int:
    """Return what the counter says of the encoder, without what we count as fusion."""
    model.requires_grad_(requires_grad=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(**inputs)
    by_module = counter.get_flop_counts()
    own = type(model).__name__
    fused = sum(sum(by_module.get(f"{own}.{name}", {}).values()) for name in FUSION)
    lists = [name for name in by_module if name.startswith(f"{own}.deepstack_merger_list.")]
    fused += sum(sum(by_module[name].values()) for name in lists if name.count(".") == 2)
    return int(counter.get_total_flops()) - fused


@pytest.mark.parametrize("family", [name for name in META if name != "mllama"])
@pytest.mark.parametrize("seed", range(3))
def test_flops_are_those_of_the_real_class(family: str, seed: int) -> None:
    shape = random_encoder(VISION_FAMILIES[family], seed)
    side = shape.position_side or 6
    batch = 1 if family == "pixtral" else 2  # Pixtral packs images into one masked sequence
    sides = (side * shape.patch_size, side * shape.patch_size)
    pixels = torch.zeros(batch, 3, *sides, device="meta")
    real = reference_encoder(shape, VISION_FAMILIES[family])
    assert real_flops(real, pixel_values=pixels) == shape.flops(side, side, batch)


@pytest.mark.parametrize("family", ON_CPU)
@pytest.mark.parametrize("grid", [(4, 4), (10, 14), (6, 18)])
def test_flops_are_those_of_the_real_class_on_values(family: str, grid: tuple[int, int]) -> None:
    """These classes read values, which meta has none of; eager attention counts on the CPU."""
    columns, rows = grid
    shape = random_encoder(VISION_FAMILIES[family], sum(grid))
    shape = changed(shape, patch_size=4)
    if family.startswith("idefics"):
        columns = rows = shape.position_side
    pixels = torch.zeros(1, 3, rows * shape.patch_size, columns * shape.patch_size)
    real = reference_encoder(shape, VISION_FAMILIES[family], "cpu", attn_implementation="eager")
    inputs = real_inputs(family, shape, pixels)
    assert real_flops(real, **inputs) == shape.flops(columns, rows)


def mllama_inputs(shape: VisionTransformer, batch: int, device: str = "meta") -> dict[str, Any]:
    assert shape.tiles is not None
    tiles, ids = shape.example_inputs(shape.position_side, shape.position_side, batch, device)
    return {
        "pixel_values": tiles[:, None],
        "aspect_ratio_ids": ids[:, None],
        "aspect_ratio_mask": torch.ones(batch, 1, shape.tiles.max_tiles, device=device),
    }


@pytest.mark.parametrize("seed", range(4))
def test_flops_are_those_of_the_real_mllama(seed: int) -> None:
    shape = random_encoder(VISION_FAMILIES["mllama"], seed)
    real = reference_encoder(shape, VISION_FAMILIES["mllama"])
    side, batch = shape.position_side, 2
    # The class builds its mask as an outer product, which the counter takes for a contraction.
    mask = 2 * batch * shape.sequence_length(side, side) ** 2
    counted = real_flops(real, **mllama_inputs(shape, batch))
    assert counted == shape.flops(side, side, batch) + mask


@pytest.mark.parametrize("name", ["clip-vit-l-14-336", "siglip-so400m-14-384", "sam-vit-b"])
def test_flops_are_those_of_released_sizes(name: str) -> None:
    shape = ENCODERS[name]
    real = reference_encoder(shape, VISION_FAMILIES[SPEC_FAMILIES[name]])
    (pixels,) = shape.example_inputs(shape.position_side, shape.position_side)
    expected = shape.flops(shape.position_side, shape.position_side)
    assert real_flops(real, pixel_values=pixels) == expected


def window_order(shape: VisionTransformer, columns: int, rows: int) -> Tensor:
    """Return where each token of Qwen's output lies in the image, line by line."""
    places = torch.arange(columns * rows).reshape(rows, columns)
    blocks = places.reshape(rows // 2, 2, columns // 2, 2).transpose(1, 2)  # (i, j, 2, 2)
    if shape.window is None:
        return blocks.flatten()
    size = shape.window.size // 2
    strips = [part for strip in blocks.split(size) for part in strip.split(size, dim=1)]
    return torch.cat([part.flatten() for part in strips])


def both_outputs(
    family: str, shape: VisionTransformer, real: nn.Module, ours: Any
) -> tuple[Tensor, Tensor]:
    """Return what both make of the same images, in the same order."""
    side = shape.position_side
    if shape.tiles:
        inputs = mllama_inputs(shape, 2, "cpu")
        inputs["pixel_values"] = torch.randn(inputs["pixel_values"].shape)
        inputs["aspect_ratio_mask"][1, :, 1:] = 0
        mine = (inputs["pixel_values"][:, 0], inputs["aspect_ratio_ids"][:, 0])
        tiles = inputs["aspect_ratio_mask"][:, 0].bool()
        return ours(*mine, tiles), real(**inputs).last_hidden_state[:, 0]
    columns, rows = (side, side) if side else (10, 14)
    batch = 2 if side else 1
    pixels = torch.randn(batch, 3, rows * shape.patch_size, columns * shape.patch_size)
    out = real(**real_inputs(family, shape, pixels))
    last = out.last_hidden_state
    if family == "clip":  # the last norm is applied to the class token alone
        return ours.features(pixels, shape.depth), last
    if family == "sam":
        last = last.flatten(2).transpose(1, 2)
    if shape.attention_pool:
        last = out.pooler_output[:, None]
    made = ours(pixels)
    return (made if side else made[0, window_order(shape, columns, rows)]), last


@pytest.mark.parametrize("family", SAME_FORWARD)
@pytest.mark.parametrize("seed", range(4))
def test_forward_pass_is_the_real_one(family: str, seed: int) -> None:
    torch.manual_seed(seed)
    shape = random_encoder(VISION_FAMILIES[family], seed)
    real = reference_encoder(shape, VISION_FAMILIES[family], "cpu")
    for parameter in real.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = shape.build("cpu", eps=EPS.get(family, 1e-6)).eval()
    copy_weights(real, ours, shape)
    with torch.no_grad():
        mine, expected = both_outputs(family, shape, real, ours)
    assert mine.shape == expected.shape
    assert (mine - expected).abs().max() / expected.abs().max() < 1e-5
