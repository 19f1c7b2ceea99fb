"""Random checkpoints of encoders that keep an image's shape, and of those of one square."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.checkpoint.case import LLAVA, Case, case, text_config, vision_dims
from tests.oracle.real import NO_VIDEO, Real, square

VISUAL = {
    "model.visual.merger": "fusion",
    "model.visual.deepstack": "fusion",
    "model.visual.downsample": "fusion",
    "model.visual": "vision",
}


def native(random: Random, model: str, images: str, token: str, around: tuple[str, str]) -> Real:
    """Return a processor of any sizes, its patch and merge among its arguments."""
    low, high = random.choice((784, 3136, 12_544)), random.choice((100_352, 501_760, 1_003_520))
    return Real(
        f"{model}Processor",
        images,
        image_token=token,
        prompt=f"{around[0]}{token}{around[1]}",
        images={
            "patch_size": random.choice((8, 14, 16)),
            "merge_size": 2,
            "temporal_patch_size": 2,
            "size": {"shortest_edge": low, "longest_edge": high},
        },
        options=NO_VIDEO,
        tokens={"image_token": token, "video_token": "<|video_pad|>"},
        specials=around,
        needs=("torch", "torchvision") if images == "Glm4vImageProcessor" else (),
    )


def qwen_text(random: Random, **keys: Any) -> dict[str, Any]:
    heads, head_dim = random.choice((2, 4)), random.choice((16, 32))
    third = head_dim // 6
    section = [head_dim // 2 - 2 * third, third, third]
    return {
        "hidden_size": heads * head_dim,
        "num_hidden_layers": random.randrange(2, 5),
        "num_attention_heads": heads,
        "num_key_value_heads": random.choice((1, 2)),
        "intermediate_size": 8 * random.randrange(4, 40),
        "vocab_size": random.randrange(300, 900),
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": section},
        **keys,
    }


def qwen(random: Random, name: str, text: dict[str, Any], vision: dict[str, Any]) -> Case:
    import transformers

    around = ("<|vision_start|>", "<|vision_end|>")
    model = name.replace("MoeX", "Moe")
    processor = name.removesuffix("Moe")
    real = native(random, processor, "Qwen2VLImageProcessorPil", "<|image_pad|>", around)
    common = {
        "depth": random.randrange(2, 5),
        "num_heads": 2,
        "patch_size": real.images["patch_size"],
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    config = getattr(transformers, f"{model}Config")(
        text_config=text,
        vision_config={**common, **vision},
        tie_word_embeddings=random.random() < 0.5,
    )
    return Case(config, f"{model}ForConditionalGeneration", VISUAL, real, config.text_config)


@case("qwen2_vl")
def qwen2_vl(random: Random) -> Case:
    text = qwen_text(random)
    vision = {
        "embed_dim": 32,
        "mlp_ratio": random.choice((2, 3)),
        "hidden_size": text["hidden_size"],
    }
    return qwen(random, "Qwen2VL", text, vision)


@case("qwen2_5_vl")
def qwen2_5_vl(random: Random) -> Case:
    text = qwen_text(random)
    vision = {
        "hidden_size": 64,
        "intermediate_size": 8 * random.randrange(4, 40),
        "out_hidden_size": text["hidden_size"],
        "window_size": 112,
        "fullatt_block_indexes": [random.randrange(2)],
    }
    return qwen(random, "Qwen2_5_VL", text, vision)


def qwen3_vision(random: Random, text: dict[str, Any]) -> dict[str, Any]:
    return {
        "hidden_size": 64,
        "intermediate_size": 8 * random.randrange(4, 40),
        "out_hidden_size": text["hidden_size"],
        "num_position_embeddings": random.choice((16, 36, 256)),
        "deepstack_visual_indexes": random.choice(([0], [0, 1])),
    }


@case("qwen3_vl")
def qwen3_vl(random: Random) -> Case:
    text = qwen_text(random, head_dim=32, attention_bias=random.random() < 0.5)
    return qwen(random, "Qwen3VL", text, qwen3_vision(random, text))


@case("qwen3_vl_moe")
def qwen3_vl_moe(random: Random) -> Case:
    text = qwen_text(
        random,
        head_dim=32,
        num_experts=random.randrange(3, 8),
        num_experts_per_tok=2,
        moe_intermediate_size=8 * random.randrange(2, 10),
        mlp_only_layers=random.choice(([], [0])),
    )
    return qwen(random, "Qwen3VLMoe", text, qwen3_vision(random, text))


@case("glm4v")
def glm4v(random: Random) -> Case:
    import transformers

    around = ("<|begin_of_image|>", "<|end_of_image|>")
    real = native(random, "Glm4v", "Glm4vImageProcessor", "<|image|>", around)
    text = qwen_text(random)
    text["rope_parameters"] |= {"partial_rotary_factor": 0.5, "mrope_section": [4, 2, 2]}
    patch = real.images["patch_size"]
    vision = {
        "depth": random.randrange(2, 5),
        "hidden_size": 64,
        "num_heads": 2,
        "image_size": patch * random.choice((4, 6)),
        "patch_size": patch,
        "out_hidden_size": text["hidden_size"],
        "intermediate_size": 8 * random.randrange(4, 40),
        "attention_bias": random.random() < 0.5,
    }
    config = transformers.Glm4vConfig(text_config=text, vision_config=vision)
    return Case(config, "Glm4vForConditionalGeneration", VISUAL, real, config.text_config)


@case("gemma3")
def gemma3(random: Random) -> Case:
    import transformers

    patch, side, pool = random.choice((7, 14)), random.choice((2, 3)), random.choice((1, 2, 3))
    edge = patch * side * pool
    vision = {**vision_dims(random), "image_size": edge, "patch_size": patch}
    text = text_config(random, "gemma3_text")
    config = transformers.Gemma3Config(
        vision_config={**vision, "model_type": "siglip_vision_model", "vision_use_head": False},
        text_config=text,
        mm_tokens_per_image=side * side,
    )
    names = {
        "image_token": "<image_soft_token>",
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
    }
    real = Real(
        "Gemma3Processor",
        "Gemma3ImageProcessorPil",
        image_token="<image_soft_token>",
        prompt="<start_of_image>",
        images=square(edge),
        options={"image_seq_length": side * side},
        tokens=names,
        specials=("\n\n",),
    )
    return Case(config, "Gemma3ForConditionalGeneration", LLAVA, real, text)


@case("paligemma")
def paligemma(random: Random) -> Case:
    import transformers

    patch, side = random.choice((7, 14)), random.randrange(3, 9)
    text = text_config(random, random.choice(("gemma", "gemma2")))
    vision = {**vision_dims(random), "image_size": patch * side, "patch_size": patch}
    config = transformers.PaliGemmaConfig(
        vision_config={
            **vision,
            "model_type": "siglip_vision_model",
            "vision_use_head": False,
            "projection_dim": text.hidden_size,
        },
        text_config=text,
        projection_dim=text.hidden_size,
    )
    return Case(config, "PaliGemmaForConditionalGeneration", LLAVA, None, text)


CONNECTOR = {"model.vision_model": "vision", "model.connector": "fusion"}


@case("idefics2")
def idefics2(random: Random) -> Case:
    import transformers

    patch, side, latents = random.choice((7, 14)), random.randrange(6, 20), random.randrange(3, 30)
    longest = patch * side
    text = text_config(random, "mistral")
    config = transformers.Idefics2Config(
        vision_config={**vision_dims(random), "image_size": longest, "patch_size": patch},
        text_config=text,
        perceiver_config={
            "hidden_size": text.hidden_size,
            "resampler_n_latents": latents,
            "resampler_depth": random.choice((1, 2)),
            "resampler_n_heads": 4,
            "resampler_head_dim": random.choice((8, 16)),
            "num_key_value_heads": random.choice((1, 2, 4)),
        },
        tie_word_embeddings=text.tie_word_embeddings,
    )
    size = {"shortest_edge": random.randrange(longest // 3, longest), "longest_edge": longest}
    real = Real(
        "Idefics2Processor",
        "Idefics2ImageProcessorPil",
        images={"size": size, "do_image_splitting": random.random() < 0.5},
        options={"image_seq_len": latents},
        specials=("<fake_token_around_image>", "<end_of_utterance>"),
    )
    return Case(config, "Idefics2ForConditionalGeneration", CONNECTOR, real, text)


@case("idefics3")
def idefics3(random: Random) -> Case:
    import transformers

    scale = random.choice((2, 3))
    patch, side = random.choice((7, 14)), scale * random.choice((2, 3))
    tile = patch * side
    text = text_config(random, "llama")
    config = transformers.Idefics3Config(
        vision_config={**vision_dims(random), "image_size": tile, "patch_size": patch},
        text_config=text,
        scale_factor=scale,
        tie_word_embeddings=text.tie_word_embeddings,
    )
    tags = [f"<row_{row}_col_{column}>" for row in range(1, 8) for column in range(1, 8)]
    real = Real(
        "Idefics3Processor",
        "Idefics3ImageProcessorPil",
        images={
            "size": {"longest_edge": tile * random.choice((2, 3, 4))},
            "max_image_size": {"longest_edge": tile},
            "do_image_splitting": random.random() < 0.7,
        },
        options={"image_seq_len": (side // scale) ** 2},
        specials=(
            "<fake_token_around_image>",
            "<end_of_utterance>",
            "<global-img>",
            "\n",
            "\n\n",
            *tags,
        ),
    )
    return Case(config, "Idefics3ForConditionalGeneration", CONNECTOR, real, text)
