"""T5: closed form, module on meta, the real class, its cache and its forward pass."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tests.backbones.specs import ENCODER_DECODERS
from tests.backbones.test_kv_cache import bytes_of
from vlcalc.backbones.encoder_decoder import EncoderDecoder, Logits

transformers = pytest.importorskip("transformers")

TYPES = {"t5": ["relu", "gated-gelu"], "mt5": ["gated-gelu"]}
VARIANTS = [(kind, feed_forward) for kind, every in TYPES.items() for feed_forward in every]
variants = pytest.mark.parametrize(("kind", "feed_forward"), VARIANTS)


def params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def random_shape(seed: int, feed_forward: str = "gated-gelu", **fixed: Any) -> EncoderDecoder:
    draw = random.Random(seed)
    gated = feed_forward != "relu"
    shape = {
        "encoder_depth": draw.randint(1, 4),
        "decoder_depth": draw.randint(1, 4),
        "width": 4 * draw.randint(2, 20),
        "num_heads": draw.randint(1, 6),
        "head_dim": 4 * draw.randint(1, 6),
        "ffn_width": 4 * draw.randint(2, 40),
        "vocab_size": draw.randint(40, 300),
        "activation": "gelu_tanh" if gated else "relu",
        "gated": gated,
        "num_position_buckets": 4 * draw.randint(1, 8),
    }
    return EncoderDecoder.model_validate({**shape, **fixed})


def real_model(shape: EncoderDecoder, kind: str, feed_forward: str, device: str) -> Any:
    config = transformers.AutoConfig.for_model(
        kind,
        num_layers=shape.encoder_depth,
        num_decoder_layers=shape.decoder_depth,
        d_model=shape.width,
        num_heads=shape.num_heads,
        d_kv=shape.head_dim,
        d_ff=shape.ffn_width,
        vocab_size=shape.vocab_size,
        relative_attention_num_buckets=shape.num_position_buckets,
        feed_forward_proj=feed_forward,
    )
    with torch.device(device):
        model = transformers.AutoModelForSeq2SeqLM.from_config(config, attn_implementation="eager")
    return model.eval().requires_grad_(requires_grad=False)


@pytest.mark.parametrize("name", ENCODER_DECODERS)
def test_specs_have_the_parameters_of_their_module(name: str) -> None:
    shape = ENCODER_DECODERS[name]
    assert params(shape.build()) == shape.num_params()


def test_flan_t5_xl_has_its_known_size() -> None:
    assert ENCODER_DECODERS["flan-t5-xl"].num_params() == 2_849_757_184


def test_parts_are_those_of_the_module() -> None:
    shape = random_shape(0)
    module, parts = shape.build(), shape.params_by_part()
    stacks = (params(module.encoder), params(module.decoder))
    assert (parts.encoder, parts.decoder) == stacks
    assert module.head is not None
    assert (parts.embedding, parts.head) == (params(module.embedding), params(module.head))


@pytest.mark.oracle
@variants
@pytest.mark.parametrize("seed", range(15))
def test_random_shapes_have_the_parameters_of_the_real_class(
    kind: str, feed_forward: str, seed: int
) -> None:
    # transformers 5 ties the head of every T5; checkpoints of v1.1 and mT5 have one of their own.
    tied = random_shape(seed, feed_forward, tied_embeddings=True)
    untied = random_shape(seed, feed_forward)
    real = params(real_model(tied, kind, feed_forward, "meta"))
    assert params(tied.build()) == tied.num_params() == real
    head = untied.vocab_size * untied.width
    assert params(untied.build()) == untied.num_params() == real + head


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("logits", ["last", "all", "none"])
def test_flops_are_those_of_the_module(seed: int, logits: Logits) -> None:
    shape = random_shape(seed, random.Random(seed).choice(["relu", "gated-gelu"]))
    module = shape.build().eval().requires_grad_(requires_grad=False)
    for batch, source, target in ((1, 1, 1), (2, 9, 5), (1, 3, 40)):
        ids = [torch.zeros(batch, n, dtype=torch.long, device="meta") for n in (source, target)]
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module(*ids, logits)
        expected = shape.prefill_flops(source, target, batch, logits)
        assert counter.get_total_flops() == expected


@pytest.mark.oracle
@variants
def test_flops_and_cache_are_those_of_the_real_class(kind: str, feed_forward: str) -> None:
    for seed in range(3):
        shape = random_shape(seed, feed_forward)
        real = real_model(shape, kind, feed_forward, "cpu")
        source, target = torch.ones(2, 9, dtype=torch.long), torch.ones(2, 4, dtype=torch.long)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            out = real(input_ids=source, decoder_input_ids=target, use_cache=True)
        assert counter.get_total_flops() == shape.prefill_flops(9, 4, 2, "all")
        cache = out.past_key_values
        stored = bytes_of(cache.self_attention_cache) + bytes_of(cache.cross_attention_cache)
        assert stored == shape.kv_cache_bytes(9, 4, 2, dtype_bytes=4)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            real(
                encoder_outputs=(out.encoder_last_hidden_state,),
                decoder_input_ids=target[:, :1],
                past_key_values=cache,
                use_cache=True,
            )
        assert counter.get_total_flops() == shape.decode_flops(5, 9, 2)


NAMES = [
    ("shared.", "embedding."),
    ("block.", "layers."),
    ("layer.0.SelfAttention.relative_attention_bias", "position_bias"),
    ("layer.0.SelfAttention", "attention"),
    ("layer.1.EncDecAttention", "cross_attention"),
    ("layer.0.layer_norm", "attention_norm"),
    (".q.", ".query."),
    (".k.", ".key."),
    (".v.", ".value."),
    (".o.", ".output."),
    ("DenseReluDense.wi_0", "feed_forward.gate"),
    ("DenseReluDense.wi_1", "feed_forward.up"),
    ("DenseReluDense.wi.", "feed_forward.up."),
    ("DenseReluDense.wo", "feed_forward.down"),
    ("final_layer_norm", "final_norm"),
]


def our_name(name: str) -> str:
    last = "layer.2." if name.startswith("decoder") else "layer.1."
    name = name.replace(last + "layer_norm", "feed_forward_norm").replace(last + "Dense", "Dense")
    name = name.replace("layer.1.layer_norm", "cross_norm")
    for theirs, ours in NAMES:
        name = name.replace(theirs, ours)
    if "position_bias" in name:
        return f"{name.split('.')[0]}.position_bias.biases.weight"
    return name


@pytest.mark.oracle
@variants
@pytest.mark.parametrize("seed", range(3))
def test_forward_pass_is_the_real_one(kind: str, feed_forward: str, seed: int) -> None:
    torch.manual_seed(seed)
    shape = random_shape(seed, feed_forward, tied_embeddings=True, num_position_buckets=32)
    real = real_model(shape, kind, feed_forward, "cpu")
    for parameter in real.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = shape.build("cpu").eval()
    ours.load_state_dict({our_name(name): value for name, value in real.named_parameters()})
    source, target = torch.randint(40, (2, 150)), torch.randint(40, (2, 140))
    with torch.no_grad():
        expected: Tensor = real(input_ids=source, decoder_input_ids=target).logits
        if kind == "mt5":  # does not scale the hidden states before the head, unlike T5
            expected = expected * shape.width**-0.5
        worst = (ours(source, target) - expected).abs().max() / expected.abs().max()
    assert worst < 1e-5


def test_shapes_that_cannot_be() -> None:
    fields = {"encoder_depth": 2, "width": 64, "num_heads": 7, "ffn_width": 8, "vocab_size": 10}
    with pytest.raises(ValidationError, match=r"`num_heads` \(7\) that divides `width` \(64\)"):
        EncoderDecoder.model_validate(fields)
    derived = EncoderDecoder.model_validate({**fields, "num_heads": 8})
    assert (derived.decoder_depth, derived.head_dim) == (2, 8)
