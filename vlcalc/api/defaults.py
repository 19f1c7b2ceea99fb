"""What is taken where nothing is given: the one place, for the API and for the commands."""

from __future__ import annotations

from typing import Literal

# What methods are compared, timed and inspected on.
VISION = "clip-vit-l-14-336"
LANGUAGE = "vicuna-7b-v1.5"
METHODS = (
    *("linear", "mlp", "pixel_shuffle", "pooled_projector", "c_abstractor", "perceiver"),
    *("q_former", "cross_attention_resampler", "gated_cross_attention", "gated_xattn_dense"),
)

# A request.
TEXT_TOKENS = 50
OUTPUT_TOKENS = 128
NUM_IMAGES = 1
BATCH_SIZE = 1
DTYPE = "bfloat16"
LOGITS: Literal["last"] = "last"
ATTENTION = "flash"
SIDE_PX = 1024  # of an image, where the encoder has no size of its own
RESERVE = "10%"  # of a device's memory

# One fusion method: the width, grid and depth of the two parts above; prompts of some length where
# text takes part.
METHOD_DIMS = {
    "vision_width": 1024,
    "text_width": 4096,
    "columns": 24,
    "rows": 24,
    "num_prefix_tokens": 1,
    "text_depth": 32,
}
METHOD_TEXT_TOKENS = 128
DEPTH = 2  # levels of submodules

# Timing.
DEVICE = "auto"
MIN_TIME_S = 0.2

# Counting tokens: the calculator's tiles, and sizes that models are counted on.
TILE_PX = 336
PATCH_PX = 14
SIZES = ((336, 336), (640, 480), (1024, 768), (1920, 1080), (4032, 3024))
