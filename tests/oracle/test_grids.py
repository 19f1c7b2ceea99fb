"""The functions by which transformers chooses a grid, against the choosers: hundreds of new sizes.

Of processors whose counting functions do not tell it, or that have none; the calls are tested in
`test_processors.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.oracle.compare import check_equal
from tests.oracle.sizes import random_sizes
from vlcalc.core.image_size import ImageSize
from vlcalc.spec.loader import load_spec

pytest.importorskip("transformers")
pytestmark = pytest.mark.oracle

NUM_SIZES = 500
Grid = tuple[int, int]


def ovis2(size: ImageSize) -> Grid:
    from transformers.models.ovis2 import image_processing_pil_ovis2 as source

    rows, columns = source.get_min_tile_covering_grid((size.height, size.width), 448, 12)
    return columns, rows


def mllama(size: ImageSize) -> Grid:
    from transformers.models.mllama import image_processing_pil_mllama as source

    height, width = source.get_optimal_tiled_canvas(size.height, size.width, 4, 560)
    return width // 560, height // 560


def minicpm(size: ImageSize) -> Grid:
    import transformers

    processor = transformers.MiniCPMV4_6ImageProcessorPil()
    rows, columns = processor.get_sliced_grid((size.height, size.width), 9, 448) or (1, 1)
    return columns, rows


def gemma3(size: ImageSize) -> Grid:
    import numpy as np
    import transformers

    blank = np.broadcast_to(np.uint8(0), (3, size.height, size.width))
    crops = len(transformers.Gemma3ImageProcessorPil().pan_and_scan(blank, 256, 4, 1.2)) or 1
    return (crops, 1) if size.width >= size.height else (1, crops)


def phi4(size: ImageSize) -> Grid:
    pytest.importorskip("torchvision")
    import torch
    import transformers

    processor = transformers.Phi4MultimodalImageProcessor()
    # On the meta device no pixel is computed; a tile has one position of the mask.
    blank = torch.empty(3, size.height, size.width, device="meta")
    _, mask = processor.dynamic_preprocess(blank, 448, 14, mask_size=1, max_num=36)
    rows, columns = mask.shape
    return columns, rows


CHOOSERS: dict[str, Callable[[ImageSize], Grid]] = {
    "ovis2": ovis2,
    "mllama": mllama,
    "minicpm-v-4.6": minicpm,
    "gemma3-pas": gemma3,
    "phi4-multimodal": phi4,
}


@pytest.mark.parametrize("family", list(CHOOSERS))
def test_grid_equals_that_of_the_real_function(family):
    policy = load_spec(family).tiling

    def ours(size: ImageSize) -> Grid:
        tiling = policy.tile(size)
        return tiling.columns, tiling.rows

    check_equal(random_sizes(f"grid {family}", NUM_SIZES), ours, CHOOSERS[family])
