"""How our true values are compared with the facts', where the two are not written alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def part(name: str) -> Callable[[Any], Any]:
    return lambda true: true[name]


def renamed(names: dict[str, str]) -> Callable[[Any], Any]:
    return lambda true: {names.get(name, name): value for name, value in true.items()}


def stages(true: Any) -> Any:
    names = {"fusion": "projector", "language": "llm"}
    return {
        "llava-1.5-7b-original": [
            {
                "stage": label,
                "trainable": [names[name] for name in stage["trainable"]],
                "trainable_params": stage["trainable_params"],
                "trainable_fraction": stage["trainable_fraction"],
            }
            for label, stage in zip(
                ("1 feature alignment", "2 instruction tuning"), true, strict=True
            )
        ]
    }


# Where our true value has the fact's in it, under another name or beside more of its kind.
VIEWS: dict[str, Callable[[Any], Any]] = {
    "001-05": part("with_biases"),
    "001-12": renamed({"llava-1.5-7b": "llava_1_5_7b", "llava-1.5-13b": "llava_1_5_13b"}),
    "001-13": lambda true: {"max_abs_error": true},
    "001-21": renamed({"text_0": "0", "text_50": "50", "text_500": "500"}),
    "001-35": part("percent"),
    "001-41": renamed({"article001": "seed001", "article004": "seed004"}),
    "002-02": part("params"),
    "002-04": part("params"),
    "002-05": part("params"),
    "002-06": part("params"),
    "003-02": part("losses"),
    "004-01": part("samples"),
    "004-02": lambda true: true[0],
    "004-05": part("scaled"),
    "004-06": part("shares"),
    "004-12": part("params"),
    "004-16": part("output"),
    "004-18": part("share"),
    "004-19": part("first_row"),
    "004-20": stages,
    "004-21": part("published_params"),
}
# What the facts say in words, as the figures that we have for it.
WORDS: dict[str, tuple[str, Any]] = {
    "000-04": (
        "CLIP late, Flamingo mid .*BLIP mid .*GPT-4o undisclosed",
        {"clip": "late", "flamingo": "mid", "blip": "mid", "gpt_4o": "undisclosed"},
    ),
    "001-01": (
        r"257 x 1024 at 224 px .*577 at 336 px; LLaVA drops CLS -> 256/576",
        {
            "at_224_px": [257, 1024],
            "at_336_px": [577, 1024],
            "used_by_llava_1_0": 256,
            "used_by_llava_1_5": 576,
        },
    ),
    "001-14": (
        r"hidden_states\[-2\], before post_layernorm; the last ViT block",
        {"layers_run": 23, "of": 24, "normed": False},
    ),
    "001-19": (
        r"64 latents, depth 6 \(Idefics2: 64, depth 3\)",
        {"flamingo": [64, 6], "openflamingo": [64, 6], "idefics": [64, 6], "idefics2": [64, 3]},
    ),
    "001-23": (
        r"257 x 1408 is EVA ViT-g/14 \(985,952,256.*1664 wide \(1,842,777,344\)",
        {
            "tokens_and_width": [257, 1408],
            "encoder": "ViT-g/14",
            "params": 985_952_256,
            "tokens_and_width_of_bigG": [257, 1664],
            "params_of_bigG": 1_842_777_344,
        },
    ),
    "001-25": (r"every second layer \(0,2,4,6,8,10 of 12\)", {"every": 2, "layers": 6, "of": 12}),
    "001-27": ("initialised from BERT-base; only cross-attention and queries are random", None),
    "001-37": (
        r"'flamingo_3b': 'every layer \(24\)'.*'every 4th \(10\)'.*'every 7th \(12\)'",
        {
            "flamingo_3b": {"every": 1, "layers": 24, "of": 24, "first_before": 0},
            "flamingo_9b": {"every": 4, "layers": 10, "of": 40, "first_before": 0},
            "flamingo_80b": {"every": 7, "layers": 12, "of": 80, "first_before": 0},
        },
    ),
    "001-38": ("Perceiver resampler .*and gated xattn-dense", ["resampler", "inserted layers"]),
    "001-39": (
        "before the frozen LM block",
        {"every": 4, "layers": 10, "of": 40, "first_before": 0},
    ),
    "001-40": (
        "two gates .*FFW of width 4D that holds most parameters",
        {"gates": 2, "layer_params": 179_314_946, "feed_forward_params": 135_266_304},
    ),
    "001-43": ("only to the immediately preceding image", [1, 1, 1]),
    "001-60": ("resampler; .*concatenation", {"qwen_vl": "mid", "qwen2_vl": "mid"}),
    "002-01": (
        "'qwen_vl_v1': 'cross-attention resampler, 256 queries'.*'paligemma': 'one Linear'",
        {
            "llava": "Linear-GELU-Linear",
            "internvl": "Linear-GELU-Linear",
            "qwen_vl_v1": "cross_attention_resampler",
            "paligemma": "Linear",
            "deepseek_vl": "Linear-GELU-Linear",
        },
    ),
    "002-07": (
        "no resampler, RMS QK-norm, gate on attention and MLP",
        {"kind": True, "gated": False, "qk_norm": False, "resampler": False},
    ),
    "003-04": (
        "001 calls it mid fusion; .*concatenation",
        {"taxonomy": "mid", "meets_at": "input sequence"},
    ),
    "004-13": (
        r"every 1st / 4th / 7th layer \(3B / 9B / 80B\)",
        {"flamingo_3b": 1, "flamingo_9b": 4, "flamingo_80b": 7},
    ),
    "004-14": (
        r"NFNet-F6 at 320 px \(no ViT patches\)",
        {"flamingo": 100, "openflamingo": 256, "idefics": 257, "flamingo_has_patches": False},
    ),
    "004-17": (
        "one <image> .*marker per image",
        {"grows_with_visual_tokens": False, "markers_per_image": 1},
    ),
}
