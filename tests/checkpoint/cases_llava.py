"""Random checkpoints of the LLaVA line, of Pixtral and of what is built like them."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.checkpoint.case import LLAVA, Case, case, text_config, vision_dims
from tests.oracle.real import NO_VIDEO, Real, centre_crop, crops, square

TEXTS = ("llama", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "mixtral", "granite")


def encoder(random: Random, kind: str, patch: int, side: int) -> Any:
    import transformers

    keys = {**vision_dims(random), "patch_size": patch, "image_size": patch * side}
    if kind == "clip":
        return transformers.CLIPVisionConfig(**keys)
    if kind == "siglip":
        return transformers.SiglipVisionConfig(**keys, vision_use_head=random.random() < 0.5)
    del keys["intermediate_size"]
    return transformers.Dinov2Config(**keys, use_swiglu_ffn=random.random() < 0.5)


@case("llava")
def llava(random: Random) -> Case:
    import transformers

    kind = random.choice(("clip", "siglip", "dinov2"))
    patch, side = random.choice((7, 8, 14)), random.randrange(3, 9)
    vision, text = encoder(random, kind, patch, side), text_config(random, random.choice(TEXTS))
    prefix = 0 if kind == "siglip" else 1
    strategy = random.choice(("default", "full")) if prefix else "full"
    depth = vision.num_hidden_layers
    layers = random.choice((-1, -2, [random.randrange(-depth, 0), random.randrange(-depth, 0)]))
    if kind == "siglip" and isinstance(layers, list):  # a pool beside tapped layers is refused
        vision.vision_use_head = False
    config = transformers.LlavaConfig(
        vision_config=vision,
        text_config=text,
        vision_feature_layer=layers,
        vision_feature_select_strategy=strategy,
        multimodal_projector_bias=random.random() < 0.5,
        tie_word_embeddings=text.tie_word_embeddings,
    )
    real = Real(
        "LlavaProcessor",
        "CLIPImageProcessorPil",
        images=centre_crop(patch * side),
        options={
            "patch_size": patch,
            "num_additional_image_tokens": prefix,
            "vision_feature_select_strategy": strategy,
        },
        max_ratio=20,
    )
    return Case(config, "LlavaForConditionalGeneration", LLAVA, real, text)


@case("vipllava")
def vipllava(random: Random) -> Case:
    import transformers

    patch, side = random.choice((7, 8)), random.randrange(3, 9)
    vision, text = encoder(random, "clip", patch, side), text_config(random, "llama")
    depth = vision.num_hidden_layers
    layers = [random.randrange(-depth, 0) for _ in range(random.randrange(2, 5))]
    config = transformers.VipLlavaConfig(
        vision_config=vision,
        text_config=text,
        vision_feature_layers=layers,
        tie_word_embeddings=text.tie_word_embeddings,
    )
    return Case(config, "VipLlavaForConditionalGeneration", LLAVA, None, text)


def canvases(random: Random, side: int) -> list[list[int]]:
    grids = [(1, 2), (2, 1), (2, 2), (3, 1), (1, 3), (2, 3), (4, 1)]
    return [[side * rows, side * columns] for rows, columns in random.sample(grids, 4)]


@case("llava_next")
def llava_next(random: Random) -> Case:
    import transformers

    kind = random.choice(("clip", "siglip"))
    patch, side = random.choice((7, 8, 14)), random.choice((4, 6, 8))
    vision, text = encoder(random, kind, patch, side), text_config(random, random.choice(TEXTS))
    prefix, pins = int(kind == "clip"), canvases(random, patch * side)
    strategy = "default" if prefix else "full"
    config = transformers.LlavaNextConfig(
        vision_config=vision,
        text_config=text,
        image_grid_pinpoints=pins,
        vision_feature_select_strategy=strategy,
        tie_word_embeddings=text.tie_word_embeddings,
    )
    real = Real(
        "LlavaNextProcessor",
        "LlavaNextImageProcessorPil",
        images={**centre_crop(patch * side), "image_grid_pinpoints": pins},
        options={
            "patch_size": patch,
            "num_additional_image_tokens": prefix,
            "vision_feature_select_strategy": strategy,
        },
    )
    rules = {**LLAVA, "model.image_newline": "fusion"}
    return Case(config, "LlavaNextForConditionalGeneration", rules, real, text)


@case("llava_next_video")
def llava_next_video(random: Random) -> Case:
    import transformers

    patch, side = random.choice((7, 8, 14)), random.choice((4, 6, 8))
    vision, text = encoder(random, "clip", patch, side), text_config(random, "llama")
    pins = canvases(random, patch * side)
    config = transformers.LlavaNextVideoConfig(
        vision_config=vision,
        text_config=text,
        image_grid_pinpoints=pins,
        tie_word_embeddings=text.tie_word_embeddings,
    )
    real = Real(
        "LlavaNextVideoProcessor",
        "LlavaNextImageProcessorPil",
        images={**centre_crop(patch * side), "image_grid_pinpoints": pins},
        options={
            "patch_size": patch,
            "num_additional_image_tokens": 1,
            "vision_feature_select_strategy": "default",
            **NO_VIDEO,
        },
    )
    rules = {**LLAVA, "model.image_newline": "fusion"}
    return Case(config, "LlavaNextVideoForConditionalGeneration", rules, real, text)


@case("llava_onevision")
def llava_onevision(random: Random) -> Case:
    import transformers

    patch, side = random.choice((7, 8, 14)), random.choice((3, 4, 6))
    vision, text = encoder(random, "siglip", patch, side), text_config(random, "qwen2")
    edge, many = patch * side, random.choice((2, 3, 6))
    pins = [[edge * a, edge * b] for a in range(1, many + 1) for b in range(1, many + 1)]
    ratio = f"anyres_max_{random.choice((1, 4, 9))}"
    config = transformers.LlavaOnevisionConfig(
        vision_config=vision,
        text_config=text,
        image_grid_pinpoints=pins,
        vision_aspect_ratio=ratio,
        tie_word_embeddings=text.tie_word_embeddings,
    )
    real = Real(
        "LlavaOnevisionProcessor",
        "LlavaOnevisionImageProcessorPil",
        images={**square(edge), "image_grid_pinpoints": pins},
        options={
            "num_image_tokens": side * side,
            "vision_feature_select_strategy": "full",
            "vision_aspect_ratio": ratio,
            **NO_VIDEO,
        },
    )
    rules = {**LLAVA, "model.image_newline": "fusion"}
    return Case(config, "LlavaOnevisionForConditionalGeneration", rules, real, text)


def pixtral_parts(random: Random, merge: int) -> tuple[Any, Real]:
    import transformers

    patch, side = random.choice((8, 14, 16)), random.randrange(4, 16)
    dims = vision_dims(random)
    dims["hidden_size"] = 16 * dims["num_attention_heads"]
    longest = patch * merge * side
    vision = transformers.PixtralVisionConfig(**dims, image_size=longest, patch_size=patch)
    real = Real(
        "PixtralProcessor",
        "PixtralImageProcessorPil",
        image_token="[IMG]",
        prompt="[IMG]",
        images={"size": {"longest_edge": longest}, "patch_size": {"height": patch, "width": patch}},
        options={"patch_size": patch, "spatial_merge_size": merge},
        specials=("[IMG_BREAK]", "[IMG_END]"),
        needs=("torch", "torchvision"),
    )
    return vision, real


@case("pixtral")
def pixtral(random: Random) -> Case:
    import transformers

    text = text_config(random, "mistral")
    vision, real = pixtral_parts(random, 1)
    config = transformers.LlavaConfig(
        vision_config=vision,
        text_config=text,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=text.tie_word_embeddings,
    )
    return Case(config, "LlavaForConditionalGeneration", LLAVA, real, text)


@case("mistral3")
def mistral3(random: Random) -> Case:
    import transformers

    text, merge = text_config(random, "mistral"), random.choice((2, 3))
    vision, real = pixtral_parts(random, merge)
    config = transformers.Mistral3Config(
        vision_config=vision,
        text_config=text,
        spatial_merge_size=merge,
        multimodal_projector_bias=random.random() < 0.5,
        tie_word_embeddings=text.tie_word_embeddings,
    )
    return Case(config, "Mistral3ForConditionalGeneration", LLAVA, real, text)


@case("internvl")
def internvl(random: Random) -> Case:
    import transformers

    patch, side = random.choice((7, 14)), random.choice((4, 6, 8))
    edge, least = patch * side, random.choice((1, 2))
    text = text_config(random, random.choice(("qwen2", "qwen3", "llama", "qwen3_moe")))
    vision = transformers.InternVLVisionConfig(
        **vision_dims(random),
        image_size=[edge, edge],
        patch_size=[patch, patch],
        attention_bias=random.random() < 0.5,
        use_qk_norm=random.random() < 0.5,
        norm_type=random.choice(("rms_norm", "layer_norm")),
        use_mean_pooling=random.random() < 0.5,
    )
    config = transformers.InternVLConfig(
        vision_config=vision, text_config=text, tie_word_embeddings=text.tie_word_embeddings
    )
    names = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tiles = {"min_patches": least, "max_patches": random.randrange(3, 13)}
    real = Real(
        "InternVLProcessor",
        "GotOcr2ImageProcessorPil",
        image_token="<IMG_CONTEXT>",
        prompt="<IMG_CONTEXT>",
        images={**square(edge), **tiles, "crop_to_patches": random.random() < 0.5},
        options={"image_seq_length": (side // 2) ** 2, **NO_VIDEO},
        tokens=names,
        num_tiles=crops,
    )
    return Case(config, "InternVLForConditionalGeneration", LLAVA, real, text)
