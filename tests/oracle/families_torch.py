"""Processors that load only with torch and torchvision, with the values of the checkpoints.

Source of the values: the checkpoints' `preprocessor_config.json`, the conversion scripts and class
defaults of transformers 5.23; they are written here a second time, apart from `specs/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.oracle.real import NO_VIDEO, Counted, Real, crops, nested, square
from vlcalc.core.image_size import ImageSize

TORCHVISION = ("torch", "torchvision")

COHERE2 = Real(
    "Cohere2VisionProcessor",
    "Cohere2VisionImageProcessor",
    image_token="<|IMG_PATCH|>",
    prompt="<|IMG_PATCH|>",
    images={**square(512), "patch_size": 16, "min_patches": 1, "max_patches": 12},
    tokens={
        "image_token": "<|IMG_PATCH|>",
        "boi_token": "<|START_OF_IMG|>",
        "eoi_token": "<|END_OF_IMG|>",
        "img_line_break_token": "<|IMG_LINE_BREAK|>",
    },
    num_tiles=crops,
    needs=TORCHVISION,
)

KIMI = Real(
    "Kimi_K25Processor",
    "Kimi_K25ImageProcessor",
    image_token="<|media_pad|>",
    prompt="<|media_begin|>image<|media_content|><|media_pad|><|media_end|>",
    images={"patch_size": 14, "merge_size": 2, "max_patches": 16_384},
    options=NO_VIDEO,
    tokens={"image_token": "<|media_pad|>", "video_token": "<|kimi_k25_video_placeholder|>"},
    specials=("<|media_begin|>", "image", "<|media_content|>", "<|media_end|>"),
    needs=TORCHVISION,
)

LLAMA4 = Real(
    "Llama4Processor",
    "Llama4ImageProcessor",
    image_token="<|patch|>",
    prompt="<|image|>",
    images={**square(336), "max_patches": 16, "resize_to_max_canvas": False},
    options={"patch_size": 14, "pixel_shuffle_ratio": 0.5},
    specials=(
        "<|image|>",
        "<|image_start|>",
        "<|image_end|>",
        "<|tile_x_separator|>",
        "<|tile_y_separator|>",
    ),
    num_tiles=nested,
    needs=TORCHVISION,
)


@dataclass(frozen=True)
class Fuyu(Real):
    """Ends before the tokenizer: the call drops the first token, which SentencePiece would add."""

    def count(self, image: ImageSize) -> Counted:
        from PIL import Image

        _, texts = self.built._process_images([Image.new("RGB", image)], return_tensors="pt")
        return self.read(self.built.tokenizer(texts))


FUYU = Fuyu(
    "FuyuProcessor",
    "FuyuImageProcessor",
    image_token="|SPEAKER|",
    images={"size": {"height": 1080, "width": 1920}, "patch_size": {"height": 30, "width": 30}},
    specials=("|NEWLINE|",),
    outside=("<s>",),
    needs=TORCHVISION,
)


def pixtral(longest: int, patch: int, merge: int) -> Real:
    unit = patch * merge
    return Real(
        "PixtralProcessor",
        "PixtralImageProcessorPil",
        image_token="[IMG]",
        prompt="[IMG]",
        images={
            "size": {"longest_edge": longest},
            "patch_size": {"height": unit, "width": unit},
        },
        options={"patch_size": patch, "spatial_merge_size": merge},
        specials=("[IMG_BREAK]", "[IMG_END]"),
        needs=TORCHVISION,
    )


PHI4 = Real(
    "Phi4MultimodalProcessor",
    "Phi4MultimodalImageProcessor",
    image_token="<|endoftext10|>",
    prompt="<|endoftext10|>",
    images={**square(448), "patch_size": 14, "dynamic_hd": 36},
    options={"audio_processor": None},
    tokens={"image_token": "<|endoftext10|>", "audio_token": "<|endoftext11|>"},
    num_tiles=lambda outputs: len(outputs["image_pixel_values"][0]),
    examples=12,
    needs=TORCHVISION,
)


def lfm2(*, tolerance: float = 2.0, thumbnail: bool = True) -> Real:
    images: dict[str, Any] = {
        "tile_size": 512,
        "min_tiles": 2,
        "max_tiles": 10,
        "min_image_tokens": 64,
        "max_image_tokens": 256,
        "encoder_patch_size": 16,
        "downsample_factor": 2,
        "max_pixels_tolerance": tolerance,
        "use_thumbnail": thumbnail,
    }
    tiles = tuple(f"<|img_row_{r}_col_{c}|>" for r in range(1, 11) for c in range(1, 11))
    return Real(
        "Lfm2VlProcessor",
        "Lfm2VlImageProcessor",
        images=images,
        call={"use_thumbnail": thumbnail},
        specials=("<|image_start|>", "<|image_end|>", "<|img_thumbnail|>", *tiles),
        num_tiles=crops,
        needs=TORCHVISION,
    )


PERCEPTION = Real(
    "PerceptionLMProcessor",
    "PerceptionLMImageProcessor",
    image_token="<|image|>",
    prompt="<|image|>",
    images={"tile_size": 448, "max_num_tiles": 36, "vision_input_type": "thumb+tile"},
    options={**NO_VIDEO, "patch_size": 14, "pooling_ratio": 2},
    tokens={"image_token": "<|image|>", "video_token": "<|video|>"},
    num_tiles=nested,
    examples=8,
    needs=TORCHVISION,
)

MOLMO2 = Real(
    "Molmo2Processor",
    "Molmo2ImageProcessor",
    image_token="<im_patch>",
    prompt="<|image|>",
    images={
        **square(378),
        "max_crops": 8,
        "overlap_margins": [4, 4],
        "patch_size": 14,
        "pooling_size": [2, 2],
    },
    options=NO_VIDEO,
    specials=("<|image|>", "<im_start>", "<low_res_im_start>", "<im_end>", "<im_col>"),
    outside=("<|im_start|>",),
    tokens={"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"},
    num_tiles=crops,
    needs=TORCHVISION,
)

TORCH: dict[str, Real] = {
    "cohere2-vision": COHERE2,
    "kimi-k2.5": KIMI,
    "llama4": LLAMA4,
    "pixtral": pixtral(1024, 16, 1),
    "mistral-small-3.1": pixtral(1540, 14, 2),
    "fuyu": FUYU,
    "phi4-multimodal": PHI4,
    "lfm2-vl": lfm2(),
    "lfm2-vl-1.6b": lfm2(tolerance=1.5),
    "lfm2-vl-450m": lfm2(thumbnail=False),
    "perception-lm": PERCEPTION,
    "molmo2": MOLMO2,
}
