"""The processors' own counting functions against the tilings: hundreds of new sizes a family.

These functions take sizes, not pixels, so they reach every size at no cost. Where they are known to
count something else than the processor itself does, the family or the size is left out, with the
reason beside it; the calls themselves are tested in `test_processors.py`.
"""

from __future__ import annotations

import pytest

from tests.oracle.compare import check_equal
from tests.oracle.families import REAL
from tests.oracle.sizes import random_sizes
from vlcalc.core.image_size import ImageSize
from vlcalc.spec.loader import load_spec

pytest.importorskip("transformers")
pytestmark = pytest.mark.oracle

NUM_SIZES = 300

# Why `_get_num_multimodal_tokens` of transformers 5.23 is not asked.
LEFT_OUT = {
    "idefics3": "counts each tag as one token; they are 8 and 4 under the Llama 3 tokenizer",
    "gemma3-pas": "does not count the crops of pan-and-scan, as a comment there says",
    "fuyu": "paints and cuts a canvas of 1920 x 1080 for each size; the call costs no more",
}
# These return the text tokens around the image as well.
SEQUENCE = {
    *("smolvlm", "smolvlm-500m", "smolvlm2-2.2b", "smolvlm2-500m"),
    *("internvl", "aya-vision", "cohere2-vision", "molmo2", "pixtral", "mistral-small-3.1"),
}
IMAGE = {
    *("llava-1.5", "llava-1.0", "fastvlm", "llava-next", "llava-next-video", "granite-vision-3.x"),
    *("llava-onevision", "qwen2-vl", "qwen2.5-vl", "qwen2.5-vl-1280", "qwen3-vl", "ernie4.5-vl"),
    *("glm4v", "glm46v", "gemma3", "gemma4-70", "gemma4-140", "gemma4", "gemma4-560"),
    *("gemma4-1120", "aria", "aria-490", "aria-split", "kimi-k2.5", "perception-lm"),
}
# No such function, or one that needs more than sizes.
WITHOUT = {
    *("video-llava", "idefics2", "idefics2-nosplit", "ovis2", "mllama", "deepseek-ocr2"),
    *("minicpm-v-4.6", "llama4", "phi4-multimodal", "lfm2-vl", "lfm2-vl-1.6b", "lfm2-vl-450m"),
}
PIXTRAL = {"pixtral": (1024, 16), "mistral-small-3.1": (1540, 28)}


@pytest.mark.parametrize("family", sorted(SEQUENCE | IMAGE))
def test_tokens_equal_those_of_the_counting_function(family):
    real, policy = REAL[family], load_spec(family).tiling
    for module in real.needs:
        pytest.importorskip(module)

    def ours(size: ImageSize) -> int:
        tiling = policy.tile(size)
        return tiling.sequence_tokens if family in SEQUENCE else tiling.image_tokens

    def theirs(size: ImageSize) -> int:
        sizes = [(size.height, size.width)]
        counted = real.built._get_num_multimodal_tokens(image_sizes=sizes, **real.call)
        return int(counted.num_image_tokens[0])

    sizes = random_sizes(f"counting {family}", NUM_SIZES)
    if family in PIXTRAL:
        sizes = [size for size in sizes if pixtral_counts(size, PIXTRAL[family][0])]
    check_equal(sizes, ours, theirs)


def test_every_counting_function_is_tested_or_left_out_for_a_reason():
    assert not (SEQUENCE | IMAGE) & set(LEFT_OUT)
    assert SEQUENCE | IMAGE | set(LEFT_OUT) | WITHOUT == set(REAL)


def pixtral_counts(size: ImageSize, longest: int) -> bool:
    """Return whether the function can be right.

    It probes with an array of that size, and takes a height of 1 or 3 for the channels; it never
    resizes, and so does not meet the error of a side that shrinks below one pixel.
    """
    return size.height not in (1, 3) and min(size) * longest > max(size)


@pytest.mark.parametrize("family", sorted(PIXTRAL))
def test_grid_of_pixtral_equals_that_of_its_image_processor(family):
    """The processor asks for torchvision, its image processor does not."""
    import numpy as np
    import transformers

    longest, unit = PIXTRAL[family]
    policy = load_spec(family).tiling
    processor = transformers.PixtralImageProcessorPil(
        size={"longest_edge": longest},
        patch_size={"height": unit, "width": unit},
        do_rescale=False,
        do_normalize=False,
    )

    def theirs(size: ImageSize) -> tuple[int, int]:
        from PIL import Image

        height, width = np.asarray(processor(Image.new("RGB", size))["image_sizes"][0])
        return int(width // unit * (height // unit)), int(height // unit)

    def ours(size: ImageSize) -> tuple[int, int]:
        tiling = policy.tile(size)
        return tiling.image_tokens, tiling.extra_tokens

    check_equal(random_sizes(f"grid {family}", 30), ours, theirs)
