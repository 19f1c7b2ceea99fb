"""The vision transformer's closed forms against its module on meta, and against known figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.backbones.vision_records import OPAQUE_RECORDS, changed, record_of
from tests.backbones.vision_specs import ENCODERS
from vlcalc.backbones.vit import VisionTransformer
from vlcalc.backbones.vit_parts import Window
from vlcalc.core.errors import InputError
from vlcalc.spec.schema import VisionSpec

DATA = Path(__file__).parents[1] / "data" / "vision_params.json"
VISION_PARAMS: dict[str, int] = json.loads(DATA.read_text(encoding="utf-8"))
del VISION_PARAMS["_about"]
del VISION_PARAMS["chameleon-7b"]  # a VQ-GAN tokenizer: it is no encoder, but a fusion method

TINY = {"depth": 2, "width": 32, "num_heads": 4, "ffn_width": 24, "patch_size": 2}


def params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def flops(module: nn.Module, *inputs: Any) -> int:
    module.eval().requires_grad_(requires_grad=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    return int(counter.get_total_flops())


def draw_window(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    full = draw(st.sets(st.integers(0, depth - 1)))
    size, padded = draw(st.integers(1, 5)), draw(st.booleans())
    return {"size": size, "full_layers": tuple(sorted(full)), "padded": padded}


def draw_tail(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    """Draw what only some encoders have, so that it fits together."""
    kind = draw(st.sampled_from(["tokens", "windows", "tiles"]))
    if kind == "tokens":
        return {
            "class_token": draw(st.booleans()),
            "class_position": draw(st.booleans()),
            "num_registers": draw(st.integers(0, 3)),
            "position_side": draw(st.integers(0, 4)),
            "rotary": draw(st.booleans()),
            "attention_pool": draw(st.booleans()),
        }
    if kind == "windows":
        side = draw(st.integers(1, 5))
        neck = {"width": draw(st.integers(1, 9)), "downsample_widths": (5, 3)}
        return {
            "window": draw(st.none() | st.just(draw_window(draw, depth))),
            "relative_positions": draw(st.booleans()),
            "position_side": side,
            "rotary": draw(st.booleans()),
            "neck": draw(st.none() | st.just(neck)),
            "post_norm": draw(st.booleans()),
        }
    tiles = {"max_tiles": draw(st.integers(1, 4)), "num_aspect_ratios": 3, "global_depth": 2}
    unfit = {"layer_scale": False, "mask_token": False}
    side = draw(st.integers(1, 4))
    return {"tiles": tiles, "class_token": True, "position_side": side, **unfit}


@st.composite
def shapes(draw: st.DrawFn) -> VisionTransformer:
    """Draw any vision transformer, also such as nobody has built."""
    depth, heads = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    flags = ["patch_bias", "qkv_bias", "key_bias", "output_bias", "mlp_bias", "gated"]
    flags += ["layer_scale", "pre_norm", "mask_token"]
    tail = draw_tail(draw, depth)
    kept = () if tail.get("neck") or tail.get("attention_pool") else (0,)
    return VisionTransformer.model_validate(
        {
            "depth": depth,
            "num_heads": heads,
            "width": heads * 4 * draw(st.integers(1, 4)),
            "ffn_width": draw(st.integers(1, 40)),
            "patch_size": draw(st.integers(1, 4)),
            "temporal_patch_size": draw(st.integers(1, 2)),
            "in_channels": draw(st.integers(1, 4)),
            "activation": draw(st.sampled_from(["gelu", "quick_gelu", "silu", "gelu_tanh"])),
            "norm": draw(st.sampled_from(["layer", "rms"])),
            "qk_norm": draw(st.sampled_from([None, "layer", "rms"])),
            "intermediate_layers": draw(st.sampled_from([(), kept])),
            **{flag: draw(st.booleans()) for flag in flags},
            **tail,
        }
    )


@given(shapes(), st.integers(1, 9), st.integers(1, 9), st.integers(1, 2))
@settings(max_examples=20, deadline=None)
def test_closed_forms_are_those_of_the_module(
    shape: VisionTransformer, columns: int, rows: int, batch: int
) -> None:
    module = shape.build()
    if shape.tiles:
        columns = rows = shape.position_side
    assert params(module) == shape.num_params()
    for index in range(shape.total_depth):
        assert params(shape.build_layer(index=index)) == shape.layer_params(index)
    inputs = shape.example_inputs(columns, rows, batch)
    assert flops(module, *inputs) == shape.flops(columns, rows, batch)
    assert module(*inputs).shape[-1] == shape.output_width


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_of_the_catalogue_trace_to_their_closed_forms(name: str) -> None:
    encoder = ENCODERS[name]
    module = encoder.build()
    assert params(module) == encoder.num_params() == sum(encoder.params_by_part())
    side = encoder.position_side
    columns, rows = (9, 14) if encoder.window or encoder.rotary else (side, side)
    assert flops(module, *encoder.example_inputs(columns, rows)) == encoder.flops(columns, rows)


@pytest.mark.parametrize("record", VISION_PARAMS)
def test_systems_have_vision_parts_of_their_known_size(record: str) -> None:
    expected = VISION_PARAMS[record]
    if record in OPAQUE_RECORDS:
        assert OPAQUE_RECORDS[record].params == expected
    else:
        assert record_of(record).num_params() == expected


def test_layers_add_up_to_the_whole() -> None:
    clip = ENCODERS["clip-vit-l-14-336"]
    once = clip.layer_flops(24, 24)
    assert clip.flops(24, 24) == clip.patch_flops(24, 24) + 24 * once
    parts = clip.params_by_part()
    assert parts.layers == clip.depth * clip.layer_params()
    assert clip.flops(24, 24, batch=5) == 5 * clip.flops(24, 24)


def test_layers_behind_the_feature_cost_only_where_they_are_run() -> None:
    clip = ENCODERS["clip-vit-l-14-336"]
    needed = clip.feature_flops(24, 24, feature_layer=-2, run_all=False)
    run = clip.feature_flops(24, 24, feature_layer=-2, run_all=True)
    assert run - needed == clip.layer_flops(24, 24)
    assert run == clip.flops(24, 24)
    pooled = changed(ENCODERS["siglip-so400m-14-384"], attention_pool=True)
    run = pooled.feature_flops(27, 27, feature_layer=-1, run_all=True)
    needed = pooled.feature_flops(27, 27, feature_layer=-1, run_all=False)
    assert run - needed == pooled.head_flops(27, 27)


@pytest.mark.parametrize(("feature_layer", "expected"), [(-1, 2), (-2, 1), (-3, 0), (0, 0), (2, 2)])
def test_feature_layer_counts_from_the_embedding(feature_layer: int, expected: int) -> None:
    assert VisionTransformer.model_validate(TINY).num_layers_until(feature_layer) == expected


@pytest.mark.parametrize("feature_layer", [-4, 3])
def test_there_is_no_such_feature(feature_layer: int) -> None:
    shape = VisionTransformer.model_validate(TINY)
    with pytest.raises(InputError, match=f"from -3 to 2, got {feature_layer}"):
        shape.num_layers_until(feature_layer)


def test_features_are_what_leaves_a_layer() -> None:
    torch.manual_seed(0)
    shape = VisionTransformer.model_validate({**TINY, "post_norm": False})
    module: Any = shape.build("cpu").eval()
    pixels = torch.randn(shape.example_inputs(3, 5, 2)[0].shape)
    with torch.no_grad():
        torch.testing.assert_close(module.features(pixels, 2), module(pixels))
        first = module.features(pixels, 1)
        assert first.shape == (2, 15, 32)
        assert not torch.allclose(first, module(pixels))
    counted = VisionTransformer.model_validate(TINY).flops(3, 5, 2, num_layers=1)
    module = shape.build()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.requires_grad_(requires_grad=False).features(pixels.to("meta"), 1)
    assert counter.get_total_flops() == counted


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.booleans())
@settings(max_examples=1000, deadline=None)
def test_windows_are_counted_one_by_one(columns: int, rows: int, size: int, padded: bool) -> None:
    window = Window(size=size, padded=padded)
    sides = [
        (size, size) if padded else (min(size, columns - left), min(size, rows - top))
        for left in range(0, columns, size)
        for top in range(0, rows, size)
    ]
    assert window.num_positions(columns, rows) == sum(c * r for c, r in sides)
    assert window.num_pairs(columns, rows) == sum((c * r) ** 2 for c, r in sides)
    assert window.num_offsets(columns, rows) == sum(c * r * (c + r) for c, r in sides)


@pytest.mark.parametrize("padded", [False, True])
def test_patches_see_their_own_window_alone(padded: bool) -> None:
    torch.manual_seed(0)
    window = {"size": 3, "padded": padded}
    module = VisionTransformer.model_validate({**TINY, "window": window}).build("cpu").eval()
    pixels = torch.randn(1, 3, 14, 14)
    elsewhere = pixels.clone()
    elsewhere[..., :6, :6] += 1.0
    with torch.no_grad():
        same = (module(pixels) == module(elsewhere)).all(-1).unflatten(1, (7, 7))[0]
    assert not same[:3, :3].any()
    same[:3, :3] = True
    assert same.all()


def test_every_tile_costs_whether_it_is_there_or_not() -> None:
    mllama = ENCODERS["mllama-vit-h-14-560"]
    assert mllama.sequence_length(40, 40) == 4 * 1608
    assert mllama.num_tokens(40, 40) == 1601
    assert mllama.output_width == 7680
    assert mllama.total_depth == 40


def wrong_fields() -> Iterator[tuple[dict[str, Any], str]]:
    window, tiles = {"size": 4}, {"max_tiles": 4, "num_aspect_ratios": 8, "global_depth": 1}
    tiled = {"tiles": tiles, "class_token": True, "position_side": 4}
    yield {"num_heads": 5}, r"`num_heads` \(5\) that divides `width` \(32\)"
    yield {"num_heads": 16, "rotary": True}, "multiple of 4 .* for `rotary`, got 2"
    yield {"window": {"size": 4, "full_layers": (2,)}}, r"below `depth` \(2\) in `window.full_l"
    yield {"intermediate_layers": (0, 5)}, "in `intermediate_layers`, got 5"
    yield {"window": window, "class_token": True}, "no class token and no registers for `window`"
    yield {"relative_positions": True}, "expected `position_side` for `relative_positions`"
    yield {"neck": {"width": 8}, "num_registers": 1}, "no registers for `neck`"
    yield {"neck": {"width": 8}, "attention_pool": True}, "no `attention_pool` for `neck`"
    without = "no `neck` and no `attention_pool` for `intermediate_layers`"
    yield {"attention_pool": True, "intermediate_layers": (0,)}, without
    yield {"neck": {"width": 8}, "intermediate_layers": (0,)}, without
    yield {"tiles": tiles}, "a class token with a position for `tiles`"
    yield {**tiled, "rotary": True}, "no `rotary`.* for `tiles`"
    yield {**tiled, "layer_scale": True}, "no `layer_scale` and no `mask_token` for `tiles`"
    yield {**tiled, "attention_pool": True}, "no `attention_pool` for `tiles`"
    yield {**tiled, "post_norm": False}, "expected `post_norm`"
    yield {"depth": 0}, "greater than 0"
    yield {"hidden": 3}, "Extra inputs"


@pytest.mark.parametrize(("fields", "message"), list(wrong_fields()))
def test_shapes_that_cannot_be(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        VisionTransformer.model_validate({**TINY, **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 31}, r"`width` as `encoder` has it \(32\), got 31"),
        ({"patch_size": 14}, r"`patch_size` as `encoder` has it \(2\), got 14"),
        ({"num_prefix_tokens": 1}, r"`num_prefix_tokens` as `encoder` has it \(0\), got 1"),
        ({"opaque": {"params": 1, "sources": ("x",)}}, "one of `encoder`, `opaque`, `external`"),
    ],
)
def test_a_part_that_contradicts_its_encoder(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        VisionSpec.model_validate({"name": "x", "encoder": TINY, **fields})
