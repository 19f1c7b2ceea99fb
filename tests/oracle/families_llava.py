"""The LLaVA family on PIL: one crop, or the canvases of its successors.

Source of the values: the checkpoints' `preprocessor_config.json`, the conversion scripts and class
defaults of transformers 5.23; they are written here a second time, apart from `specs/`.
"""

from __future__ import annotations

from typing import Any

from tests.oracle.real import NO_VIDEO, Real, centre_crop, crops, nested, square


def llava(side: int, *, patch: int = 14, cls: int = 1, **keys: Any) -> Real:
    strategy = "default" if cls else None
    options = {
        "patch_size": patch,
        "num_additional_image_tokens": cls,
        "vision_feature_select_strategy": strategy,
    }
    return Real(
        "LlavaProcessor",
        "CLIPImageProcessorPil",
        images=centre_crop(side),
        options=options,
        num_tiles=crops,
        max_ratio=20,
        examples=12,
        **keys,
    )


NEXT_PINPOINTS = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
# Height, and how many multiples of 384 are listed beside it as widths.
GRANITE_ROWS = {1: 10, 2: 5, 3: 3, 4: 2, 5: 2, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1}
GRANITE_PINPOINTS = [[384 * r, 384 * c] for r, n in GRANITE_ROWS.items() for c in range(1, n + 1)]
ONEVISION_PINPOINTS = [[384 * r, 384 * c] for r in range(1, 7) for c in range(1, 7)]


def llava_next(side: int, pinpoints: list[list[int]], *, cls: int, **keys: Any) -> Real:
    options = {
        "patch_size": 14,
        "num_additional_image_tokens": cls,
        "vision_feature_select_strategy": "default" if cls else "full",
    }
    return Real(
        keys.pop("processor", "LlavaNextProcessor"),
        "LlavaNextImageProcessorPil",
        images={**centre_crop(side), "image_grid_pinpoints": pinpoints},
        options={**options, **keys.pop("options", {})},
        num_tiles=nested,
        **keys,
    )


ONEVISION = Real(
    "LlavaOnevisionProcessor",
    "LlavaOnevisionImageProcessorPil",
    images={**square(384), "image_grid_pinpoints": ONEVISION_PINPOINTS},
    options={
        **NO_VIDEO,
        "num_image_tokens": 729,
        "vision_feature_select_strategy": "full",
        "vision_aspect_ratio": "anyres_max_9",
    },
    num_tiles=nested,
)

VIDEO_LLAVA = Real(
    "VideoLlavaProcessor",
    "VideoLlavaImageProcessor",
    images=centre_crop(224),
    options={**NO_VIDEO, "patch_size": 14, "num_additional_image_tokens": 1},
    max_ratio=20,
    examples=12,
)

LLAVA: dict[str, Real] = {
    "llava-1.5": llava(336),
    "llava-1.0": llava(
        224, prompt="<im_start><image><im_end>", specials=("<im_start>", "<im_end>")
    ),
    "fastvlm": llava(1024, patch=64, cls=0),
    "llava-next": llava_next(336, NEXT_PINPOINTS, cls=1),
    "llava-next-video": llava_next(
        336, NEXT_PINPOINTS, cls=1, processor="LlavaNextVideoProcessor", options=NO_VIDEO
    ),
    "granite-vision-3.x": llava_next(384, GRANITE_PINPOINTS, cls=0),
    "llava-onevision": ONEVISION,
    "video-llava": VIDEO_LLAVA,
}
