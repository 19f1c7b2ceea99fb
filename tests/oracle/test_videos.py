"""Frames of clips against the real video processors, over sizes that are new in every run.

The processors resize tensors on the meta device: the real code runs and no pixel is computed.
"""

from __future__ import annotations

import importlib
import random
from dataclasses import dataclass
from typing import Any

import pytest

from tests.oracle.compare import check_equal
from tests.oracle.sizes import SEED, random_sizes
from tests.oracle.source import function_of
from vlcalc.core.image_size import ImageSize
from vlcalc.spec.loader import load_spec

pytest.importorskip("transformers")
pytestmark = pytest.mark.oracle

NUM_CLIPS = 1000
MAX_FRAMES = 768


@dataclass(frozen=True)
class RealVideo:
    """A video processor of transformers with a checkpoint's values."""

    model: str
    processor: str
    pixels: tuple[int, int]
    patch: int = 14
    cap: bool = False

    def count(self, frame: ImageSize, num_frames: int) -> int:
        """Return the visual tokens of a clip of that many frames.

        Raises:
            ValueError, ZeroDivisionError: the processor refuses such a clip.
        """
        import torch
        from transformers.image_utils import SizeDict

        clip = torch.empty(1, num_frames, 3, frame.height, frame.width, device="meta")
        resized = self._built().resize(
            clip,
            size=SizeDict(shortest_edge=self.pixels[0], longest_edge=self.pixels[1]),
            resample=None,
            factor=2 * self.patch,
            temporal_factor=2,
            cap_pixels_per_frame=self.cap,
        )
        height, width = resized.shape[-2:]
        _, groups, rows, columns = self._built().patchify(
            resized, patch_size=self.patch, merge_size=2, temporal_patch_size=2
        )
        assert (rows * self.patch, columns * self.patch) == (height, width)
        return int(groups * rows * columns // 4)

    def _built(self) -> Any:
        path = f"transformers.models.{self.model}.video_processing_{self.model}"
        return getattr(importlib.import_module(path), self.processor)()


QWEN2_PIXELS = (3136, 12_845_056)
REAL = {
    "qwen2-vl": RealVideo("qwen2_vl", "Qwen2VLVideoProcessor", QWEN2_PIXELS),
    "qwen2.5-vl": RealVideo("qwen2_vl", "Qwen2VLVideoProcessor", QWEN2_PIXELS),
    "qwen2-vl-capped": RealVideo("qwen2_vl", "Qwen2VLVideoProcessor", QWEN2_PIXELS, cap=True),
    "qwen3-vl": RealVideo("qwen3_vl", "Qwen3VLVideoProcessor", (4096, 25_165_824), patch=16),
    "glm4v": RealVideo("glm4v", "Glm4vVideoProcessor", (12_544, 47_040_000)),
}


@pytest.mark.parametrize("family", list(REAL))
def test_video_tokens_equal_those_of_the_real_processor(family):
    pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    video = load_spec(family).video
    assert video is not None

    def ours(clip: tuple[ImageSize, int]) -> int:
        return video.tile(*clip).image_tokens

    def theirs(clip: tuple[ImageSize, int]) -> int:
        return REAL[family].count(*clip)

    check_equal(random_clips(family), ours, theirs)


@pytest.mark.parametrize("family", [name for name, real in REAL.items() if not real.cap])
def test_frames_are_resized_as_by_the_real_function(family):
    """The same arithmetic without torchvision: the function alone that the processors resize by."""
    video, real = load_spec(family).video, REAL[family]
    assert video is not None
    path = f"models/{real.model}/video_processing_{real.model}.py"
    smart_resize = function_of(path, "smart_resize")
    least, most = real.pixels
    bounds = {"factor": 2 * real.patch, "min_pixels": least, "max_pixels": most}

    def ours(clip: tuple[ImageSize, int]) -> tuple[int, int]:
        width, height = video.tile(*clip).resized
        return height, width

    def theirs(clip: tuple[ImageSize, int]) -> tuple[int, int]:
        frame, num_frames = clip
        frames = {} if real.model == "qwen2_vl" else {"num_frames": num_frames}
        height, width = smart_resize(height=frame.height, width=frame.width, **frames, **bounds)
        return int(height), int(width)

    check_equal(random_clips(family), ours, theirs)


def random_clips(family: str) -> list[tuple[ImageSize, int]]:
    """Return sizes of frames and numbers of them, odd and few ones above all: they are rounded."""
    dice = random.Random(SEED + family)
    longest = (9, 9, 63, MAX_FRAMES)
    frames = random_sizes(f"video {family}", NUM_CLIPS)
    return [(frame, dice.randint(1, dice.choice(longest))) for frame in frames]
