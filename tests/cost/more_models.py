"""Configurations of models without a record, and which module of the class is which component."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
import transformers
from torch import nn

VICUNA = {"model_type": "llama", "vocab_size": 32_064}
SIGLIP = {
    "model_type": "siglip_vision_model",
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "vision_use_head": False,
}
COHERE = {"model_type": "cohere2", "vocab_size": 256_000, "num_key_value_heads": 8}


class Model(NamedTuple):
    """A configuration, and which modules of the class built from it are which component."""

    config: Callable[[], Any]
    vision: tuple[str, ...]
    fusion: tuple[str, ...]
    other: tuple[str, ...] = ()


def smolvlm(vision: dict[str, int], text: dict[str, int], scale_factor: int) -> Any:
    return transformers.SmolVLMConfig(
        vision_config={"patch_size": 16, "image_size": 512, **vision},
        text_config={"model_type": "llama", "vocab_size": 49_280, **text},
        scale_factor=scale_factor,
        tie_word_embeddings=False,
    )


def smolvlm_small(text: dict[str, int]) -> Any:
    vision = {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
    }
    return smolvlm(vision, text, scale_factor=4)


def smolvlm2_2b() -> Any:
    vision = {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "patch_size": 14,
        "image_size": 384,
    }
    text = {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 24,
        "num_attention_heads": 32,
    }
    return smolvlm(vision, text, scale_factor=3)


SMOL_360M = {
    "hidden_size": 960,
    "intermediate_size": 2560,
    "num_hidden_layers": 32,
    "num_attention_heads": 15,
    "num_key_value_heads": 5,
}
SMOL_135M = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
}


def granite() -> Any:
    return transformers.LlavaNextConfig(
        vision_config={**SIGLIP, "patch_size": 14, "image_size": 384, "vision_use_head": True},
        text_config={
            "model_type": "granite",
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 40,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "vocab_size": 49_156,
            "tie_word_embeddings": True,
        },
        vision_feature_layer=[-24, -20, -12, -1],
        tie_word_embeddings=True,
    )


def ovis2() -> Any:
    return transformers.Ovis2Config(
        vision_config={"image_size": 448, "vocab_size": 65_536, "hidden_stride": 2},
        text_config={
            "model_type": "qwen2",
            "hidden_size": 1536,
            "intermediate_size": 8960,
            "num_hidden_layers": 28,
            "num_attention_heads": 12,
            "num_key_value_heads": 2,
            "vocab_size": 151_936,
            "tie_word_embeddings": True,
        },
        hidden_size=1536,
    )


def aria() -> Any:
    return transformers.AriaConfig(
        vision_config={
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
            "patch_size": 14,
            "image_size": 980,
        },
        text_config={
            "hidden_size": 2560,
            "intermediate_size": 1664,
            "num_hidden_layers": 28,
            "num_attention_heads": 20,
            "vocab_size": 100_352,
            "moe_num_experts": 64,
            "moe_topk": 6,
            "moe_num_shared_experts": 2,
        },
    )


def molmo2(text: dict[str, int]) -> Any:
    """Return the configuration as it is published, with the name and the layers of its encoder."""
    return transformers.Molmo2Config(
        vit_config={"hidden_size": 1152, "num_hidden_layers": 27},
        adapter_config={
            "vit_layers": [-3, -9],
            "intermediate_size": text["intermediate_size"],
            "text_hidden_size": text["hidden_size"],
        },
        text_config=text,
    )


def aya() -> Any:
    text = {
        **COHERE,
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
    }
    config = transformers.AyaVisionConfig(
        vision_config={**SIGLIP, "patch_size": 14, "image_size": 364}, text_config=text
    )
    config.alignment_intermediate_size = 28_672
    return config


def command_a() -> Any:
    text = {
        **COHERE,
        "hidden_size": 12_288,
        "intermediate_size": 36_864,
        "num_hidden_layers": 64,
        "num_attention_heads": 96,
    }
    return transformers.Cohere2VisionConfig(
        vision_config={**SIGLIP, "patch_size": 16, "image_size": 512}, text_config=text
    )


def kimi_k25() -> Any:
    return transformers.Kimi_K25Config(
        text_config={
            "model_type": "deepseek_v3",
            "vocab_size": 163_840,
            "hidden_size": 7168,
            "intermediate_size": 18_432,
            "moe_intermediate_size": 2048,
            "num_hidden_layers": 61,
            "num_attention_heads": 64,
            "num_key_value_heads": 64,
            "n_routed_experts": 384,
            "n_shared_experts": 1,
            "num_experts_per_tok": 8,
            "first_k_dense_replace": 1,
        },
        tie_word_embeddings=False,
    )


def glm46v() -> Any:
    return transformers.Glm4vMoeConfig(
        vision_config={"intermediate_size": 10_944},
        text_config={"vocab_size": 151_552, "head_dim": 128},
    )


def janus(depth: int, num_heads: int, width: int, ffn_width: int) -> Any:
    text = {
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": ffn_width,
        "num_hidden_layers": depth,
        "num_attention_heads": num_heads,
        "vocab_size": 102_400,
    }
    return transformers.JanusConfig(
        text_config={**text, "tie_word_embeddings": False},
        vision_config={"projection_dim": width},
        vq_config={"projection_dim": width, "image_token_embed_dim": width},
        tie_word_embeddings=False,
    )


CLIP = {
    "model_type": "clip_vision_model",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
    "image_size": 336,
}
QWEN2_72B = {
    "model_type": "qwen2",
    "hidden_size": 8192,
    "intermediate_size": 29_568,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
}
INTERNVIT_6B = {
    "hidden_size": 3200,
    "intermediate_size": 12_800,
    "num_hidden_layers": 45,
    "num_attention_heads": 25,
    "use_qk_norm": True,
    "norm_type": "rms_norm",
}


def llava_next(text: dict[str, Any]) -> Any:
    return transformers.LlavaNextConfig(
        vision_config=CLIP, text_config=text, tie_word_embeddings=False
    )


def internvl(text: dict[str, Any], vision: dict[str, Any] | None = None) -> Any:
    """Return InternVL's configuration, on InternViT-300M unless another encoder is given."""
    return transformers.InternVLConfig(
        vision_config={"attention_bias": vision is None, **(vision or {})},
        text_config={"tie_word_embeddings": False, **text},
        tie_word_embeddings=False,
    )


def qwen3(width: int, ffn_width: int, depth: int, num_heads: int) -> dict[str, Any]:
    return {
        "model_type": "qwen3",
        "hidden_size": width,
        "intermediate_size": ffn_width,
        "num_hidden_layers": depth,
        "num_attention_heads": num_heads,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151_936,
    }


def qwen3_mixture(width: int, ffn_width: int, depth: int, num_heads: int) -> dict[str, Any]:
    return {
        **qwen3(width, 3 * width, depth, num_heads),
        "model_type": "qwen3_moe",
        "num_key_value_heads": 4,
        "moe_intermediate_size": ffn_width,
        "num_experts": 128,
        "num_experts_per_tok": 8,
    }


def onevision_72b() -> Any:
    return transformers.LlavaOnevisionConfig(
        vision_config={**SIGLIP, "num_hidden_layers": 26, "patch_size": 14, "image_size": 384},
        text_config={**QWEN2_72B, "vocab_size": 152_128},
        tie_word_embeddings=False,
    )


def paligemma2(size: int, text: dict[str, int]) -> Any:
    return transformers.PaliGemmaConfig(
        vision_config={**SIGLIP, "patch_size": 14, "image_size": size},
        text_config={"model_type": "gemma2", "vocab_size": 257_152, **text},
        projection_dim=text["hidden_size"],
    )


GEMMA2_9B = {
    "hidden_size": 3584,
    "intermediate_size": 14_336,
    "num_hidden_layers": 42,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 256,
}
GEMMA2_27B = {
    "hidden_size": 4608,
    "intermediate_size": 36_864,
    "num_hidden_layers": 46,
    "num_attention_heads": 32,
    "num_key_value_heads": 16,
    "head_dim": 128,
}


def gemma3_12b() -> Any:
    return transformers.Gemma3Config(
        vision_config={**SIGLIP, "patch_size": 14, "image_size": 896},
        text_config={
            "hidden_size": 3840,
            "intermediate_size": 15_360,
            "num_hidden_layers": 48,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 256,
            "vocab_size": 262_208,
        },
    )


def ministral_8b() -> Any:
    return transformers.Mistral3Config(
        vision_config={
            "model_type": "pixtral",
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "patch_size": 14,
            "image_size": 1540,
        },
        text_config={
            "model_type": "ministral3",
            "hidden_size": 4096,
            "intermediate_size": 14_336,
            "num_hidden_layers": 34,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 131_072,
        },
        multimodal_projector_bias=False,
        tie_word_embeddings=False,
    )


VICUNA_13B = {
    **VICUNA,
    "hidden_size": 5120,
    "intermediate_size": 13_824,
    "num_hidden_layers": 40,
    "num_attention_heads": 40,
    "num_key_value_heads": 40,
}
YI_34B = {
    "model_type": "llama",
    "vocab_size": 64_064,
    "hidden_size": 7168,
    "intermediate_size": 20_480,
    "num_hidden_layers": 60,
    "num_attention_heads": 56,
    "num_key_value_heads": 8,
}
QWEN25_14B = {
    "model_type": "qwen2",
    "vocab_size": 151_674,
    "hidden_size": 5120,
    "intermediate_size": 13_824,
    "num_hidden_layers": 48,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
}
INTERNVL_TEXTS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "internvl3-14b": (QWEN25_14B, None),
    "internvl3-78b": ({**QWEN2_72B, "vocab_size": 151_674}, INTERNVIT_6B),
    "internvl3.5-1b": (qwen3(1024, 3072, 28, 16), None),
    "internvl3.5-2b": (qwen3(2048, 6144, 28, 16), None),
    "internvl3.5-4b": (qwen3(2560, 9728, 36, 32), None),
    "internvl3.5-8b": (qwen3(4096, 12_288, 36, 32), None),
    "internvl3.5-14b": (qwen3(5120, 17_408, 40, 40), None),
    "internvl3.5-30b-a3b": (qwen3_mixture(2048, 768, 48, 32), None),
    "internvl3.5-38b": (qwen3(5120, 25_600, 64, 64), INTERNVIT_6B),
    "internvl3.5-241b-a28b": (qwen3_mixture(4096, 1536, 94, 64), INTERNVIT_6B),
}


TOWER, PROJECTOR = ("model.vision_tower",), ("model.multi_modal_projector",)
NEWLINE = (*PROJECTOR, "model.image_newline")
SMOL = (("model.vision_model",), ("model.connector",))


def git(patch_size: int, **vision: int) -> Any:
    return transformers.GitConfig(vision_config={"patch_size": patch_size, **vision})


GIT = (("git.image_encoder",), ("git.visual_projection",))
GIT_LARGE = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
}
GLM = (
    tuple(
        f"model.visual.{part}"
        for part in (
            "embeddings",
            "patch_embed",
            "blocks",
            "post_conv_layernorm",
            "post_layernorm",
        )
    ),
    ("model.visual.downsample", "model.visual.merger"),
)
GENERATOR = tuple(
    f"model.{part}"
    for part in ("vqmodel", "generation_embeddings", "generation_aligner", "generation_head")
)
JANUS = (("model.vision_model",), ("model.aligner",), GENERATOR)
MODELS = {
    "janus-pro-1b": Model(lambda: janus(24, 16, 2048, 5632), *JANUS),
    "janus-pro-7b": Model(lambda: janus(30, 32, 4096, 11_008), *JANUS),
    "video-llava-7b": Model(
        lambda: transformers.VideoLlavaConfig(text_config=VICUNA),
        ("model.image_tower", "model.video_tower"),
        PROJECTOR,
    ),
    "llava-next-video-7b": Model(
        lambda: transformers.LlavaNextVideoConfig(text_config=VICUNA), TOWER, NEWLINE
    ),
    "smolvlm2-2.2b": Model(smolvlm2_2b, *SMOL),
    "smolvlm2-500m": Model(lambda: smolvlm_small(SMOL_360M), *SMOL),
    "smolvlm-500m": Model(lambda: smolvlm_small(SMOL_360M), *SMOL),
    "smolvlm2-256m": Model(lambda: smolvlm_small(SMOL_135M), *SMOL),
    "got-ocr2": Model(
        transformers.GotOcr2Config,
        (
            *TOWER,
            "model.multi_modal_projector.conv_upsampler1",
            "model.multi_modal_projector.conv_upsampler2",
        ),
        ("model.multi_modal_projector.multimodal_projector",),
    ),
    "granite-vision-3.2-2b": Model(granite, TOWER, NEWLINE),
    "glm-4.1v-9b": Model(transformers.Glm4vConfig, *GLM),
    "glm-4.6v": Model(glm46v, *GLM),
    "ovis2-2b": Model(
        ovis2,
        ("model.vision_tower.transformer",),
        (
            "model.vision_tower.head_linear",
            "model.vision_tower.head_norm",
            "model.visual_embeddings_table",
        ),
    ),
    "git-base": Model(lambda: git(16), *GIT),
    "git-large": Model(lambda: git(14, **GIT_LARGE), *GIT),
    "aria": Model(aria, TOWER, PROJECTOR),
    "molmo2-8b": Model(
        lambda: molmo2({"hidden_size": 4096, "intermediate_size": 12_288}),
        ("model.vision_tower",),
        ("model.multi_modal_projector",),
    ),
    "molmo2-4b": Model(
        lambda: molmo2({"hidden_size": 2560, "intermediate_size": 9728}),
        ("model.vision_tower",),
        ("model.multi_modal_projector",),
    ),
    "aya-vision-8b": Model(aya, TOWER, PROJECTOR),
    "command-a-vision": Model(command_a, TOWER, PROJECTOR),
    "kimi-k2.5": Model(kimi_k25, TOWER, ("model.mm_projector",)),
    "ministral-3-8b": Model(ministral_8b, TOWER, PROJECTOR),
    "gemma3-12b": Model(gemma3_12b, TOWER, PROJECTOR),
    "llava-next-vicuna-13b": Model(lambda: llava_next(VICUNA_13B), TOWER, NEWLINE),
    "llava-next-34b": Model(lambda: llava_next(YI_34B), TOWER, NEWLINE),
    "llava-onevision-72b": Model(onevision_72b, TOWER, NEWLINE),
    "paligemma2-10b-448": Model(lambda: paligemma2(448, GEMMA2_9B), TOWER, PROJECTOR),
    "paligemma2-28b-896": Model(lambda: paligemma2(896, GEMMA2_27B), TOWER, PROJECTOR),
    **{
        name: Model(partial(internvl, *shapes), TOWER, PROJECTOR)
        for name, shapes in INTERNVL_TEXTS.items()
    },
}


@lru_cache(maxsize=2)
def build(name: str) -> nn.Module:
    """Return the class of one of `MODELS` on the meta device, its tied weights tied."""
    with torch.device("meta"):
        model: Any = transformers.AutoModelForImageTextToText.from_config(MODELS[name].config())
    model.tie_weights()
    built: nn.Module = model
    return built
