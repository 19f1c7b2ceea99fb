"""The decoder against transformers: parameters, FLOPs, and the forward pass itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tests.backbones.mixtures import MIXTURES, real_mixture
from tests.backbones.reference import (
    FAMILIES,
    our_name,
    random_decoder,
    reference_model,
    transformers,
    weights_of,
)
from tests.backbones.specs import DECODERS
from tests.cost.more_models import MODELS, build
from vlcalc.backbones.decoder import Decoder

pytestmark = pytest.mark.oracle

SPEC_FAMILIES = {
    "deepseek-llm-1.3b": "llama",
    "deepseek-llm-7b-16k": "llama",
    "gemma-2-2b": "gemma2",
    "gemma-2b": "gemma",
    "gemma-3-4b": "gemma3",
    "glm-4-9b-0414-64k": "glm4",
    "llama-2-13b": "llama",
    "llama-2-70b": "llama",
    "llama-2-7b": "llama",
    "llama-3.1-8b": "llama",
    "llama-3.1-8b-plm": "llama",
    "llama-7b": "llama",
    "mistral-7b-v0.1": "mistral",
    "mistral-7b-v0.2": "mistral",
    "mistral-nemo-12b": "mistral",
    "mistral-small-3.1-24b-text": "mistral",
    "opt-2.7b": "opt",
    "persimmon-8b": "persimmon",
    "phi-3-mini-128k": "phi3",
    "phi-3.5-mini": "phi3",
    "phi-4-mini": "phi3",
    "qwen-0.5b-got": "qwen2",
    "qwen-7b-vl": "qwen2",
    "qwen2-7b": "qwen2",
    "qwen2.5-1.5b": "qwen2",
    "qwen2.5-7b": "qwen2",
    "qwen2.5-vl-7b-text": "qwen2",
    "qwen3-8b": "qwen3",
    "qwen3-vl-8b-text": "qwen3",
    "smollm2-1.7b": "llama",
    "smollm2-1.7b-16k": "llama",
    "smollm2-360m": "llama",
    "vicuna-13b-v1.5": "llama",
    "vicuna-7b-v1.1": "llama",
    "gemma-2-27b": "gemma2",
    "gemma-3-27b": "gemma3",
    "hermes-2-llama-3-70b": "llama",
    "internlm2-1.8b": "llama",
    "internlm2-20b": "llama",
    "internlm2-7b": "llama",
    "internlm3-8b": "llama",
    "llama-65b": "llama",
    "mpt-7b": "mpt",
    "nous-hermes-2-yi-34b": "llama",
    "opt-6.7b": "opt",
    "qwen2-0.5b": "qwen2",
    "qwen2-1.5b": "qwen2",
    "qwen2.5-0.5b": "qwen2",
    "qwen2.5-32b": "qwen2",
    "qwen2.5-3b": "qwen2",
    "qwen2.5-vl-3b-text": "qwen2",
    "qwen2.5-vl-72b-text": "qwen2",
    "qwen3-vl-2b-text": "qwen3",
    "qwen3-vl-32b-text": "qwen3",
    "smollm2-135m": "llama",
    "vicuna-13b-v0": "llama",
    "vicuna-7b-v0": "llama",
    "vicuna-7b-v1.5": "llama",
    "gemma-2-9b": "gemma2",
    "gemma-3-12b": "gemma3",
    "gemma-3-1b": "gemma3",
    "llama-3-8b": "llama",
    "ministral-3-8b-text": "mistral",
    "qwen2-72b": "qwen2",
    "qwen2.5-14b": "qwen2",
    "qwen2.5-72b": "qwen2",
    "qwen2.5-vl-32b-text": "qwen2",
    "qwen3-0.6b": "qwen3",
    "qwen3-1.7b": "qwen3",
    "qwen3-14b": "qwen3",
    "qwen3-32b": "qwen3",
    "qwen3-4b": "qwen3",
    "qwen3-vl-4b-text": "qwen3",
}

# Whose class is that of a whole model: what is neither its vision nor its fusion.
IN_MODELS = {
    "aria-moe-25b": "aria",
    "command-a": "command-a-vision",
    "command-r7b-aya": "aya-vision-8b",
    "git-base-text": "git-base",
    "git-large-text": "git-large",
    "glm-4.6v-text": "glm-4.6v",
    "granite-3.1-2b": "granite-vision-3.2-2b",
    "qwen3-4b-molmo2": "molmo2-4b",
}
# The image token of the whole model: a row of the tied embeddings of its width.
ADDED_BY_THE_MODEL = {"granite-3.1-2b": 2048}

IN_RECORDS = {"llama-3.2-90b-vision-text"}  # held against its record, whole model, in tests/cost
# Nobody has a class of them; what their papers print is in the specs.
UNRELEASED = {"chinchilla-1.4b", "chinchilla-7.1b", "chinchilla-70b"}

SPEC_MIXTURES = {
    "deepseekmoe-16b": "deepseek-v2",
    "deepseekmoe-27b": "deepseek-v2",
    "kimi-k2-256k": "deepseek-v3",
    "moonlight-16b-a3b-128k": "deepseek-v3",
    "llama-4-scout-17b-16e": "llama4",
    "mixtral-8x7b": "mixtral",
    "qwen3-vl-30b-a3b-text": "qwen3-moe",
    "llama-4-maverick-17b-128e": "llama4",
    "qwen3-235b-a22b": "qwen3-moe",
    "qwen3-30b-a3b": "qwen3-moe",
    "qwen3-vl-235b-a22b-text": "qwen3-moe",
}

# The biases that choose experts: parameters of DeepSeek-VL2's own class, the only one that it has.
BIASES_OF_ITS_OWN_CLASS = {"deepseekmoe-27b": 29 * 72}

DEEPSEEK_3B = {
    "hidden_size": 1280,
    "num_hidden_layers": 12,
    "num_attention_heads": 10,
    "intermediate_size": 6848,
    "moe_intermediate_size": 896,
    "n_routed_experts": 64,
    "num_experts_per_tok": 6,
    "n_shared_experts": 2,
    "vocab_size": 129_280,
    "mlp_layer_types": ["dense"] + ["sparse"] * 11,
}

# Configs of transformers whose defaults are the released model, or that have no family here.
OWN_CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "chameleon-7b-text": (
        "ChameleonForConditionalGeneration",
        {"vocabulary_map": {"<image>": 8711}},
    ),
    "deepseek-3b-moe-a570m": (
        "DeepseekOcr2ForConditionalGeneration",
        {"text_config": DEEPSEEK_3B},
    ),
    "deepseekmoe-3b": ("DeepseekOcr2ForConditionalGeneration", {"text_config": DEEPSEEK_3B}),
    "glm-4-9b-0414-64k": ("Glm4vForConditionalGeneration", {}),
    "kosmos-2-text": ("Kosmos2ForConditionalGeneration", {}),
    "llama-3.2-11b-vision-text": ("MllamaForCausalLM", {"vocab_size": 128_256}),
    "persimmon-8b": ("PersimmonForCausalLM", {}),
    "qwen-0.5b-got": ("GotOcr2ForConditionalGeneration", {}),
    "qwen3-8b-molmo2": ("Molmo2ForConditionalGeneration", {}),
    "gemma-2-2b": ("Gemma2ForCausalLM", {}),
}


def params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(20))
def test_random_shapes_have_the_parameters_of_the_real_class(family: str, seed: int) -> None:
    decoder = random_decoder(FAMILIES[family], seed)
    expected = params(reference_model(decoder, FAMILIES[family]))
    assert params(decoder.build()) == decoder.num_params() == expected


@pytest.mark.parametrize("name", DECODERS)
def test_specs_have_the_parameters_of_the_real_class(name: str) -> None:
    if name in SPEC_FAMILIES:
        real = reference_model(DECODERS[name], FAMILIES[SPEC_FAMILIES[name]])
        assert params(real) == DECODERS[name].num_params()
    elif name in SPEC_MIXTURES:
        decoder, mixture = DECODERS[name], MIXTURES[SPEC_MIXTURES[name]]
        biases = BIASES_OF_ITS_OWN_CLASS.get(name, 0)
        counted = params(real_mixture(mixture, decoder, "meta"))
        assert counted + biases == decoder.num_params()
    elif name in IN_MODELS:
        added = ADDED_BY_THE_MODEL.get(name, 0)
        assert rest_of_the_model(IN_MODELS[name]) == DECODERS[name].num_params() + added
    else:
        assert name in {*OWN_CONFIGS, *UNRELEASED, *IN_RECORDS}


def rest_of_the_model(name: str) -> int:
    """Return the parameters of a whole model outside of its vision and its fusion."""
    model = build(name)
    parts = {*MODELS[name].vision, *MODELS[name].fusion}
    elsewhere = tuple(f"{part}." for part in parts)
    return sum(
        weight.numel()
        for path, weight in model.named_parameters()
        if path not in parts and not path.startswith(elsewhere)
    )


def language_params(model: nn.Module) -> int:
    """Return the parameters of the text model and its head, without vision and cross-attention."""
    model = getattr(model, "text_model", model)
    inner = getattr(model, "model", model)
    text = getattr(inner, "language_model", inner)
    skipped = sum(
        params(module)
        for name, module in text.named_modules()
        if "CrossAttentionDecoderLayer" in type(module).__name__ or name == "vqmodel"
    )
    head = getattr(model, "lm_head", None)
    both = nn.ModuleList([text] if head is None else [text, head])
    return params(both) - skipped


@pytest.mark.parametrize("name", OWN_CONFIGS)
def test_specs_have_the_parameters_of_released_defaults(name: str) -> None:
    class_name, changes = OWN_CONFIGS[name]
    model_class = getattr(transformers, class_name)
    with torch.device("meta"):
        model = model_class(model_class.config_class(**changes))
    assert language_params(model) == DECODERS[name].num_params()


def real_flops(model: nn.Module, **inputs: Any) -> int:
    model.requires_grad_(requires_grad=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(**inputs)
    return int(counter.get_total_flops())


def meta_inputs(batch: int, length: int) -> dict[str, Any]:
    # A ready mask and positions keep transformers from reading values, which meta has none of.
    return {
        "input_ids": torch.zeros(batch, length, dtype=torch.long, device="meta"),
        "attention_mask": torch.zeros(batch, 1, length, length, device="meta"),
        "position_ids": torch.zeros(batch, length, dtype=torch.long, device="meta"),
        "use_cache": False,
    }


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3", "gemma", "phi3"])
@pytest.mark.parametrize(("batch", "length"), [(1, 1), (2, 48), (1, 577)])
def test_flops_are_those_of_the_real_class(family: str, batch: int, length: int) -> None:
    for seed in range(3):
        decoder = random_decoder(FAMILIES[family], seed)
        real = reference_model(decoder, FAMILIES[family])
        counted = real_flops(real, **meta_inputs(batch, length))
        assert counted == decoder.prefill_flops(length, batch, logits="all")


@pytest.mark.parametrize("length", [16, 622])
def test_flops_are_those_of_the_real_vicuna(length: int) -> None:
    decoder = DECODERS["vicuna-7b-v1.5"]
    real = reference_model(decoder, FAMILIES["llama"])
    inputs = meta_inputs(1, length)
    assert real_flops(real, **inputs) == decoder.prefill_flops(length, logits="all")
    last = real_flops(real, **inputs, logits_to_keep=1)
    assert last == decoder.prefill_flops(length, logits="last")


@pytest.mark.parametrize("context", [2, 100])
def test_a_decoded_token_costs_what_it_costs_with_the_real_cache(context: int) -> None:
    decoder = random_decoder(FAMILIES["llama"], seed=1)
    real = reference_model(decoder, FAMILIES["llama"])
    cache = transformers.DynamicCache(config=real.config)
    prompt = {**meta_inputs(1, context - 1), "use_cache": True, "past_key_values": cache}
    real_flops(real, **prompt)
    layer = cache.layers[0]
    stored = sum(each.numel() * each.element_size() for each in (layer.keys, layer.values))
    assert decoder.depth * stored == (context - 1) * decoder.kv_cache_bytes_per_token(4)
    step = {
        **meta_inputs(1, 1),
        "attention_mask": torch.zeros(1, 1, 1, context, device="meta"),
        "use_cache": True,
        "past_key_values": cache,
    }
    assert real_flops(real, **step) == decoder.decode_flops(context)


@pytest.mark.parametrize(
    ("family", "eps", "zero_centred"),
    [
        ("llama", 1e-6, False),
        ("llama with biases", 1e-6, False),
        ("mistral", 1e-6, False),
        ("qwen2", 1e-6, False),
        ("qwen3", 1e-6, False),
        ("gemma", 1e-6, True),
        ("gemma2", 1e-6, True),
        ("gemma3", 1e-6, True),
        ("opt", 1e-5, False),
        ("phi", 1e-5, False),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_forward_pass_is_the_real_one(
    family: str, eps: float, zero_centred: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    decoder = random_decoder(FAMILIES[family], seed)
    real = reference_model(decoder, FAMILIES[family], "cpu")
    for parameter in real.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = decoder.build("cpu", eps=eps).eval()
    ours.load_state_dict(dict(weights_of(real, decoder, zero_centred=zero_centred)))
    x = torch.randn(2, 11, decoder.width)
    with torch.no_grad():
        expected: Tensor = real(inputs_embeds=x, use_cache=False).logits
        worst = (ours(x) - expected).abs().max() / expected.abs().max()
    assert worst < 1e-5


def causal_mask(length: int) -> Tensor:
    """Return what is added to the scores: 0 where a position may look, minus infinity ahead."""
    return torch.full((1, 1, length, length), -torch.inf).triu(1)


def assert_same_layer(
    decoder: Decoder, real: nn.Module, names: dict[str, str], **inputs: Any
) -> None:
    for parameter in real.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = decoder.build_layer("cpu", eps=1e-5).eval()
    weights = {}
    for name, value in real.named_parameters():
        renamed = our_name(f"layers.0.{name}", decoder).removeprefix("layers.0.")
        for theirs, our in names.items():
            renamed = renamed.replace(theirs, our)
        weights[renamed] = value[:, None] if value.ndim == 2 and "_norm" in renamed else value
    ours.load_state_dict(weights)
    x = torch.randn(2, 9, decoder.width)
    with torch.no_grad():
        out = real.eval()(x, attention_mask=causal_mask(9), **inputs)
        expected: Tensor = out[0] if isinstance(out, tuple) else out
        worst = (ours(x) - expected).abs().max() / expected.abs().max()
    assert worst < 1e-5


def test_layer_with_norms_of_each_head_is_the_real_one() -> None:
    from transformers.models.chameleon import modeling_chameleon as chameleon

    torch.manual_seed(0)
    shape = {"depth": 1, "width": 48, "num_heads": 6, "num_kv_heads": 2, "ffn_width": 40}
    norms = {"vocab_size": 10, "qk_norm": "layer", "own_qk_norms": True}
    decoder = Decoder.model_validate({**shape, **norms})
    config = transformers.ChameleonConfig(
        hidden_size=48,
        num_attention_heads=6,
        num_key_value_heads=2,
        intermediate_size=40,
        rms_norm_eps=1e-5,
        attn_implementation="eager",
    )
    rotary = chameleon.ChameleonRotaryEmbedding(config=config)
    angles = rotary(torch.randn(1, 9, 8), torch.arange(9)[None])
    real = chameleon.ChameleonDecoderLayer(config, layer_idx=0)
    assert_same_layer(decoder, real, {}, position_embeddings=angles)


def test_layer_with_inner_norms_is_the_real_one() -> None:
    from transformers.models.kosmos2 import modeling_kosmos2 as kosmos2

    torch.manual_seed(0)
    changes = {"depth": 1, "width": 48, "num_heads": 6, "ffn_width": 40, "vocab_size": 10}
    fields = DECODERS["kosmos-2-text"].model_dump(exclude={"num_kv_heads", "head_dim"})
    decoder = Decoder.model_validate({**fields, **changes})
    config = transformers.models.kosmos2.configuration_kosmos2.Kosmos2TextConfig(
        embed_dim=48, attention_heads=6, ffn_dim=40, layers=1, attn_implementation="eager"
    )
    real = kosmos2.Kosmos2TextBlock(config, layer_idx=0)
    names = {
        "inner_attn_ln": "inner_norm",
        "ffn.feed_forward": "feed_forward",
        "ffn.ffn_layernorm": "feed_forward.activation.1",
        "ffn.fc1": "feed_forward.up",
        "ffn.fc2": "feed_forward.down",
    }
    assert_same_layer(decoder, real, names)
