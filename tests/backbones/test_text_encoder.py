"""Text encoders: closed form, module on meta, the real classes and their forward passes."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.backbones.specs import TEXT_ENCODERS
from vlcalc.backbones.text_encoder import TextEncoder
from vlcalc.core.errors import InputError
from vlcalc.spec.schema import LanguageSpec

transformers = pytest.importorskip("transformers")

BERT: dict[str, Any] = {"norm_placement": "post", "num_token_types": 2, "pooler": True}
CLIP: dict[str, Any] = {"causal": True, "activation": "quick_gelu"}
SIGLIP: dict[str, Any] = {"activation": "gelu_tanh"}
BLIP: dict[str, Any] = {"norm_placement": "post", "causal": True, "prediction_head": True}
KINDS = {"bert": BERT, "clip": CLIP, "siglip": SIGLIP}

KNOWN = {
    "clip-vit-b-32-text": 63_165_952,
    "clip-vit-l-14-text": 123_060_480,
    "openclip-vit-h-14-text": 352_984_064,
    "siglip-so400m-14-384-text": 448_406_640,
    "bert-base-uncased": 109_482_240,
    "blip-base-text": 109_514_300,
}


def shape_of(sizes: tuple[int, ...], kind: dict[str, Any]) -> TextEncoder:
    names = ("depth", "width", "num_heads", "ffn_width", "vocab_size", "num_positions")
    return TextEncoder.model_validate({**dict(zip(names, sizes, strict=True)), **kind})


def random_shape(kind: dict[str, Any], seed: int) -> TextEncoder:
    draw = random.Random(seed)
    heads = draw.randint(1, 6)
    sizes = (draw.randint(1, 4), heads * 4 * draw.randint(1, 6), heads, 4 * draw.randint(2, 40))
    return shape_of((*sizes, draw.randint(40, 300), draw.randint(12, 60)), kind)


def params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def real_model(kind: str, shape: TextEncoder, device: str) -> Any:
    keys = {
        "num_hidden_layers": shape.depth,
        "hidden_size": shape.width,
        "num_attention_heads": shape.num_heads,
        "intermediate_size": shape.ffn_width,
        "vocab_size": shape.vocab_size,
        "max_position_embeddings": shape.num_positions,
        "layer_norm_eps": 1e-5,
        "pad_token_id": 0,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "attn_implementation": "eager",
    }
    names = {"bert": "Bert", "clip": "CLIPText", "siglip": "SiglipText"}
    config = getattr(transformers, f"{names[kind]}Config")(**keys)
    with torch.device(device):
        model = getattr(transformers, f"{names[kind]}Model")(config).eval()
    if hasattr(model, "head"):  # SigLIP's projection to the common width: part of the fusion
        model.head = nn.Identity()
    return model.requires_grad_(requires_grad=False)


@pytest.mark.parametrize("name", TEXT_ENCODERS)
def test_specs_have_their_known_size(name: str) -> None:
    shape, expected = TEXT_ENCODERS[name], KNOWN[name]
    module, parts = shape.build(), shape.params_by_part()
    assert params(module) == shape.num_params() == sum(parts) == expected
    layer = params(shape.build_layer())
    assert parts.layers == params(module.layers) == shape.depth * layer


@pytest.mark.oracle
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(15))
def test_random_shapes_have_the_parameters_of_the_real_class(kind: str, seed: int) -> None:
    shape = random_shape(KINDS[kind], seed)
    real = params(real_model(kind, shape, "meta"))
    assert params(shape.build()) == shape.num_params() == real


@pytest.mark.parametrize("kind", [BERT, CLIP, SIGLIP, BLIP])
@pytest.mark.parametrize("seed", range(4))
def test_flops_are_those_of_the_module(kind: dict[str, Any], seed: int) -> None:
    shape = random_shape(kind, seed)
    module = shape.build().eval().requires_grad_(requires_grad=False)
    for batch, length in ((1, 1), (2, 12)):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module(torch.zeros(batch, length, dtype=torch.long, device="meta"))
        assert counter.get_total_flops() == shape.num_flops(length, batch)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_flops_are_those_of_the_real_class(kind: str, seed: int) -> None:
    shape = random_shape(KINDS[kind], seed)
    real = real_model(kind, shape, "cpu")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        real(torch.ones(2, 12, dtype=torch.long))
    assert counter.get_total_flops() == shape.num_flops(12, 2)


# Names in transformers -> ours, in this order.
NAMES = [
    ("embeddings.LayerNorm", "embedding_norm"),
    ("embeddings.word_embeddings", "embedding"),
    ("embeddings.token_embedding", "embedding"),
    ("embeddings.position_embeddings", "positions"),
    ("embeddings.position_embedding", "positions"),
    ("embeddings.token_type_embeddings", "token_types"),
    ("text_model.", ""),
    ("encoder.layers.", "layers."),
    ("encoder.layer.", "layers."),
    ("attention.output.LayerNorm", "attention_norm"),
    ("attention.output.dense", "attention.output"),
    ("attention.self.", "attention."),
    ("intermediate.dense", "feed_forward.up"),
    ("output.LayerNorm", "feed_forward_norm"),
    ("output.dense", "feed_forward.down"),
    ("pooler.dense", "pooler"),
    ("layer_norm1", "attention_norm"),
    ("layer_norm2", "feed_forward_norm"),
    ("final_layer_norm", "final_norm"),
    ("self_attn.", "attention."),
    ("q_proj", "query"),
    ("k_proj", "key"),
    ("v_proj", "value"),
    ("out_proj", "output"),
    ("mlp.fc1", "feed_forward.up"),
    ("mlp.fc2", "feed_forward.down"),
]


def our_name(name: str) -> str:
    for theirs, ours in NAMES:
        name = name.replace(theirs, ours)
    return name


@pytest.mark.oracle
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_forward_pass_is_the_real_one(kind: str, seed: int) -> None:
    torch.manual_seed(seed)
    shape = random_shape(KINDS[kind], seed)
    real = real_model(kind, shape, "cpu")
    for parameter in real.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = shape.build("cpu").eval()
    ours.load_state_dict({our_name(name): value for name, value in real.named_parameters()})
    ids = torch.randint(1, 40, (2, 12))
    with torch.no_grad():
        out, (hidden, pooled) = real(ids), ours(ids)
    expected = out.last_hidden_state
    assert (hidden - expected).abs().max() / expected.abs().max() < 1e-5
    if kind == "bert":
        torch.testing.assert_close(pooled, out.pooler_output)


def test_a_causal_encoder_with_norms_after_sees_only_what_came_before() -> None:
    torch.manual_seed(0)
    module = random_shape(BLIP, 0).build("cpu").eval()
    ids = torch.randint(40, (1, 9))
    later = ids.clone()
    later[0, 6:] = (later[0, 6:] + 1) % 40
    with torch.no_grad():
        torch.testing.assert_close(module(ids)[0][:, :6], module(later)[0][:, :6])
        assert not torch.allclose(module(ids)[0][:, 6:], module(later)[0][:, 6:])


def test_what_cannot_be() -> None:
    with pytest.raises(ValidationError, match=r"`num_heads` \(5\) that divides `width` \(64\)"):
        shape_of((2, 64, 5, 8, 10, 77), CLIP)
    with pytest.raises(InputError, match="at most 77 tokens of text, got 78"):
        shape_of((2, 64, 4, 8, 10, 77), CLIP).num_flops(78)


def test_a_language_part_is_one_kind_of_model() -> None:
    text = {**dict.fromkeys(("depth", "width", "num_heads", "ffn_width"), 4), "vocab_size": 9}
    both = {"decoder": text, "text_encoder": {**text, "num_positions": 8}}
    LanguageSpec.model_validate({"name": "x", "decoder": text})
    with pytest.raises(ValidationError, match="one of `decoder`, `encoder_decoder`, `text_enc"):
        LanguageSpec.model_validate({"name": "x", **both})
