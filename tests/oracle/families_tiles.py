"""Processors on PIL that cut an image into tiles, crops or slices.

Source of the values: the checkpoints' `preprocessor_config.json`, the conversion scripts and class
defaults of transformers 5.23; they are written here a second time, apart from `specs/`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.oracle.real import NO_VIDEO, Real, crops, nested, square


def idefics2(*, split: bool) -> Real:
    images = {"size": {"shortest_edge": 378, "longest_edge": 980}, "do_image_splitting": split}
    return Real(
        "Idefics2Processor",
        "Idefics2ImageProcessorPil",
        images=images,
        options={"image_seq_len": 64},
        num_tiles=nested,
        examples=12,
    )


TAGS = ("<global-img>", *(f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5)))
# Where the tags are not in the vocabulary: 8 pieces of `<row_1_col_1>`, 4 of `<global-img>`.
LLAMA3_PIECES = ("<", "row", "_", "_col", *"1234", ">", "global", "-img")


def idefics3(tile: int, tokens: int, *, tags: tuple[str, ...] = TAGS, **keys: Any) -> Real:
    """The SmolVLM processor needs a package of its own to spell numbers; its text is the same."""
    images = {"size": {"longest_edge": 4 * tile}, "max_image_size": {"longest_edge": tile}}
    return Real(
        "Idefics3Processor",
        keys.pop("image_processor", "Idefics3ImageProcessorPil"),
        images=images,
        options={"image_seq_len": tokens},
        specials=("\n", "\n\n", "<fake_token_around_image>", *tags),
        num_tiles=nested,
        examples=6,
        **keys,
    )


INTERNVL = Real(
    "InternVLProcessor",
    "GotOcr2ImageProcessorPil",
    image_token="<IMG_CONTEXT>",
    prompt="<IMG_CONTEXT>",
    images={**square(448), "crop_to_patches": True, "min_patches": 1, "max_patches": 12},
    options=NO_VIDEO,
    tokens={
        "context_image_token": "<IMG_CONTEXT>",
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "video_token": "<video>",
    },
    num_tiles=crops,
)

AYA = Real(
    "AyaVisionProcessor",
    "GotOcr2ImageProcessorPil",
    image_token="<|IMG_PATCH|>",
    images={**square(364), "min_patches": 1, "max_patches": 12},
    options={"patch_size": 28, "img_size": 364},
    specials=(
        "<image>",
        "<|START_OF_IMG|>",
        "<|END_OF_IMG|>",
        "TILE_GLOBAL",
        *(f"TILE_{i}" for i in range(1, 13)),
    ),
    num_tiles=crops,
)

OVIS2 = Real(
    "Ovis2Processor",
    "Ovis2ImageProcessorPil",
    image_token="<IMG_ATOM>",
    images={**square(448), "crop_to_patches": True, "min_patches": 1, "max_patches": 12},
    options={"image_seq_length": 256},
    specials=("<image>", "<IMG_START>", "<IMG_GRID>", "<IMG_COL>", "<IMG_ROW>", "<IMG_END>"),
    call={"return_tensors": "np"},
    num_tiles=crops,
)


def gemma3(**call: Any) -> Real:
    return Real(
        "Gemma3Processor",
        "Gemma3ImageProcessorPil",
        image_token="<image_soft_token>",
        prompt="<start_of_image>",
        images=square(896),
        options={"image_seq_length": 256},
        tokens={
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
        specials=("\n\n",),
        call=call,
        num_tiles=crops,
        examples=12,
    )


MLLAMA = Real(
    "MllamaProcessor",
    "MllamaImageProcessorPil",
    image_token="<|image|>",
    prompt="<|image|>",
    images={**square(560), "max_image_tiles": 4},
    tokens={"image_token": "<|image|>", "bos_token": "<|begin_of_text|>"},
    outside=("<|begin_of_text|>",),
    # The image processor pads to four tiles; the mask of the attention says which are the image's.
    num_tiles=lambda outputs: int(max(map(sum, outputs["aspect_ratio_mask"][0]))),
    context_per_tile=(560 // 14) ** 2 + 1,
)


def aria(side: int, *, split: bool = False) -> Real:
    return Real(
        "AriaProcessor",
        "AriaImageProcessorPil",
        image_token="<|img|>",
        prompt="<fim_prefix><|img|><fim_suffix>",
        images={"max_image_size": side},
        tokens={"image_token": "<|img|>"},
        specials=("<fim_prefix>", "<fim_suffix>"),
        call={"max_image_size": side, "split_image": split},
        num_tiles=crops,
        examples=12,
    )


OCR2 = Real(
    "DeepseekOcr2Processor",
    "DeepseekOcr2ImageProcessorPil",
    images={**square(1024), "tile_size": 768, "min_patches": 2, "max_patches": 6},
    options={"patch_size": 16, "downsample_ratio": 4},
    tokens={"image_token": "<image>"},
    examples=12,
)

MINICPM = Real(
    "MiniCPMV4_6Processor",
    "MiniCPMV4_6ImageProcessorPil",
    image_token="<|image_pad|>",
    prompt="<|image_pad|>",
    images={"max_slice_nums": 9, "scale_resolution": 448, "patch_size": 14},
    options={"video_processor": SimpleNamespace(slice_mode=False, downsample_mode="16x")},
    tokens={
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "image_start_token": "<image>",
        "image_end_token": "</image>",
        "slice_start_token": "<slice>",
        "slice_end_token": "</slice>",
        "image_id_start_token": "<image_id>",
        "image_id_end_token": "</image_id>",
    },
    specials=("0", "\n"),
    call={"return_tensors": "np"},
    num_tiles=lambda outputs: len(outputs["target_sizes"]),
)

TILES: dict[str, Real] = {
    "idefics2": idefics2(split=True),
    "idefics2-nosplit": idefics2(split=False),
    "idefics3": idefics3(364, 169, tags=LLAMA3_PIECES),
    "smolvlm": idefics3(384, 81),
    "smolvlm-500m": idefics3(512, 64),
    "smolvlm2-2.2b": idefics3(384, 81, image_processor="SmolVLMImageProcessorPil"),
    "smolvlm2-500m": idefics3(512, 64, image_processor="SmolVLMImageProcessorPil"),
    "internvl": INTERNVL,
    "aya-vision": AYA,
    "ovis2": OVIS2,
    "gemma3": gemma3(),
    "gemma3-pas": gemma3(do_pan_and_scan=True),
    "mllama": MLLAMA,
    "aria": aria(980),
    "aria-490": aria(490),
    "aria-split": aria(980, split=True),
    "deepseek-ocr2": OCR2,
    "minicpm-v-4.6": MINICPM,
}
