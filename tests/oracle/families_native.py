"""Processors on PIL that keep the shape of an image: Qwen-VL, ERNIE, GLM and Gemma 4.

Source of the values: the checkpoints' `preprocessor_config.json`, the conversion scripts and class
defaults of transformers 5.23; they are written here a second time, apart from `specs/`.
"""

from __future__ import annotations

from typing import Any

from tests.oracle.real import NO_VIDEO, Real


def native(
    model: str,
    pixels: tuple[int, int],
    *,
    patch: int = 14,
    image: str = "<|image_pad|>",
    around: tuple[str, str] = ("<|vision_start|>", "<|vision_end|>"),
    image_processor: str = "",
    **tokens: str,
) -> Real:
    """The start and end tokens stand in the chat templates of these models."""
    start, end = around
    return Real(
        f"{model}Processor",
        image_processor or f"{model}ImageProcessorPil",
        image_token=image,
        prompt=f"{start}{image}{end}",
        images={
            "patch_size": patch,
            "merge_size": 2,
            "size": {"shortest_edge": pixels[0], "longest_edge": pixels[1]},
        },
        options=NO_VIDEO,
        tokens={"image_token": image, "video_token": "<|video_pad|>", **tokens},
        specials=(start, end),
    )


QWEN2_IMAGES = "Qwen2VLImageProcessorPil"
ERNIE = native(
    "Ernie4_5_VLMoe",
    (3136, 28 * 28 * 6177),
    image="<|IMAGE_PLACEHOLDER|>",
    around=("<|IMAGE_START|>", "<|IMAGE_END|>"),
    image_start_token="<|IMAGE_START|>",
    image_end_token="<|IMAGE_END|>",
    video_start_token="<|VIDEO_START|>",
    video_end_token="<|VIDEO_END|>",
)
GLM: dict[str, Any] = {
    "pixels": (12_544, 9_633_792),
    "image": "<|image|>",
    "around": ("<|begin_of_image|>", "<|end_of_image|>"),
}


def gemma4(tokens: int) -> Real:
    return Real(
        "Gemma4Processor",
        "Gemma4ImageProcessorPil",
        image_token="<|image|>",
        prompt="<|image|>",
        images={"patch_size": 16, "pooling_kernel_size": 3, "max_soft_tokens": tokens},
        options={**NO_VIDEO, "feature_extractor": None, "image_seq_length": tokens},
        tokens={
            "image_token": "<|image|>",
            "boi_token": "<|image>",
            "eoi_token": "<image|>",
            "audio_token": "<|audio|>",
            "boa_token": "<|audio>",
            "eoa_token": "<audio|>",
        },
    )


NATIVE: dict[str, Real] = {
    "qwen2-vl": native("Qwen2VL", (3136, 12_845_056)),
    "qwen2.5-vl": native("Qwen2_5_VL", (3136, 12_845_056), image_processor=QWEN2_IMAGES),
    "qwen2.5-vl-1280": native("Qwen2_5_VL", (256 * 784, 1280 * 784), image_processor=QWEN2_IMAGES),
    "qwen3-vl": native("Qwen3VL", (65_536, 16_777_216), patch=16, image_processor=QWEN2_IMAGES),
    "ernie4.5-vl": ERNIE,
    "glm4v": native("Glm4v", **GLM),
    "glm46v": native("Glm46V", **GLM),
    "gemma4-70": gemma4(70),
    "gemma4-140": gemma4(140),
    "gemma4": gemma4(280),
    "gemma4-560": gemma4(560),
    "gemma4-1120": gemma4(1120),
}
