"""Defaults of the image processors' classes: what a key means that a file leaves out.

Source: transformers models/*/image_processing_*.py; a test holds them against the classes.
"""

from __future__ import annotations

from collections.abc import Mapping

SQUARE_224 = {"height": 224, "width": 224}
LLAVA_NEXT_CANVASES = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
ONEVISION_CANVASES = [
    [384 * rows, 384 * columns] for rows in range(1, 7) for columns in range(1, 7)
]

GOT_OCR2 = {
    "size": {"height": 384, "width": 384},
    "crop_to_patches": False,
    "min_patches": 1,
    "max_patches": 12,
}
IDEFICS3 = {
    "size": {"longest_edge": 1456},
    "max_image_size": {"longest_edge": 364},
    "do_image_splitting": True,
}
QWEN2_VL = {"patch_size": 14, "temporal_patch_size": 2, "merge_size": 2}
GLM4V = {**QWEN2_VL, "size": {"shortest_edge": 12_544, "longest_edge": 11_760_000}}

ARIA_CANVASES = (
    (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (1, 8), (2, 4), (2, 3), (2, 2),
    (2, 1), (3, 1), (3, 2), (4, 1), (4, 2), (5, 1), (6, 1), (7, 1), (8, 1),
)  # fmt: skip

IMAGE_PROCESSORS: dict[str, Mapping[str, object]] = {
    "AriaImageProcessor": {
        "max_image_size": 980,
        "min_image_size": 336,
        "split_image": False,
        "split_resolutions": [[490 * high, 490 * wide] for high, wide in ARIA_CANVASES],
    },
    "BitImageProcessor": {
        "size": {"shortest_edge": 224},
        "crop_size": SQUARE_224,
        "do_center_crop": True,
    },
    "BlipImageProcessor": {"size": {"height": 384, "width": 384}},
    "CLIPImageProcessor": {
        "size": {"shortest_edge": 224},
        "crop_size": SQUARE_224,
        "do_center_crop": True,
    },
    "ChameleonImageProcessor": {
        "size": {"shortest_edge": 512},
        "crop_size": {"height": 512, "width": 512},
        "do_center_crop": True,
    },
    "Cohere2VisionImageProcessor": {
        "size": {"height": 512, "width": 512},
        "crop_to_patches": True,
        "min_patches": 1,
        "max_patches": 12,
    },
    "DeepseekVLHybridImageProcessor": {"size": {"height": 384, "width": 384}, "min_size": 14},
    "DeepseekVLImageProcessor": {"size": {"height": 384, "width": 384}, "min_size": 14},
    "FuyuImageProcessor": {
        "size": {"height": 1080, "width": 1920},
        "patch_size": {"height": 30, "width": 30},
    },
    "Gemma3ImageProcessor": {
        "size": SQUARE_224,
        "do_pan_and_scan": None,
        "pan_and_scan_min_crop_size": None,
        "pan_and_scan_max_num_crops": None,
        "pan_and_scan_min_ratio_to_activate": None,
    },
    "Glm46VImageProcessor": GLM4V,
    "Glm4vImageProcessor": GLM4V,
    "GotOcr2ImageProcessor": GOT_OCR2,
    "IdeficsImageProcessor": {"image_size": 224},
    "Idefics2ImageProcessor": {
        "size": {"shortest_edge": 378, "longest_edge": 980},
        "do_image_splitting": False,
    },
    "Idefics3ImageProcessor": IDEFICS3,
    "JanusImageProcessor": {"size": {"height": 384, "width": 384}, "min_size": 14},
    "Kimi_K25ImageProcessor": {
        "size": {"max_height": 512, "max_width": 512},
        "max_patches": 16_384,
        "patch_size": 14,
        "merge_size": 2,
    },
    "LlavaNextImageProcessor": {
        "size": {"shortest_edge": 224},
        "crop_size": SQUARE_224,
        "do_center_crop": True,
        "image_grid_pinpoints": LLAVA_NEXT_CANVASES,
    },
    "LlavaOnevisionImageProcessor": {
        "size": {"height": 384, "width": 384},
        "image_grid_pinpoints": ONEVISION_CANVASES,
    },
    "MllamaImageProcessor": {"size": SQUARE_224, "max_image_tiles": 4},
    "Ovis2ImageProcessor": {**GOT_OCR2, "use_covering_area_grid": True},
    "PerceptionLMImageProcessor": {
        "tile_size": 448,
        "max_num_tiles": 36,
        "vision_input_type": "thumb+tile",
    },
    "PixtralImageProcessor": {"size": {"longest_edge": 1024}},
    "Qwen2VLImageProcessor": {
        **QWEN2_VL,
        "size": {"shortest_edge": 3136, "longest_edge": 1_003_520},
    },
    "Qwen3VLVideoProcessor": {
        **QWEN2_VL,
        "patch_size": 16,
        "size": {"shortest_edge": 131_072, "longest_edge": 25_165_824},
    },
    "SiglipImageProcessor": {"size": SQUARE_224},
    "SmolVLMImageProcessor": IDEFICS3,
}
