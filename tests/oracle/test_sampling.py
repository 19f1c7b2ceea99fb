"""Frames that a model takes of a video against the `sample_frames` of its real video processor.

The functions are run as transformers ships them; torchvision is not needed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import pytest

from tests.oracle.compare import check_equal
from tests.oracle.sizes import SEED
from tests.oracle.source import function_of, values_of
from vlcalc.spec import catalogue
from vlcalc.spec.loader import build_entry, load_spec
from vlcalc.tiling.base import Footage

pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

NUM_VIDEOS = 1000
# Frames a second of the file: more than is ever asked for, so that no sampler runs out of frames.
FILE_FPS = 32.0


class Metadata(SimpleNamespace):
    """What a file says of itself; samplers read it by attribute and by key."""

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key)


@dataclass(frozen=True)
class RealSampler:
    """The sampling function of a video processor.

    Attributes:
        path: its module, under `transformers`.
        owner: its class; "" where it is a function of the module.
        values: what the checkpoint sets, in place of the class's own values.
        fps: whether the frames a second that are asked for are passed on; a processor that takes a
            fixed number of frames refuses them.
    """

    path: str
    owner: str = ""
    values: tuple[tuple[str, Any], ...] = ()
    fps: bool = True

    def count(self, footage: Footage) -> int:
        """Return the frames that are taken of a video of that length."""
        total = num_file_frames(footage)
        metadata = Metadata(total_num_frames=total, fps=FILE_FPS, duration=footage.seconds)
        fps = {"fps": footage.fps} if self.fps else {}
        if not self.owner:
            values = dict(self.values)
            return len(self.function(metadata=metadata, **values, **fps))
        return len(self.function(SimpleNamespace(**self.settings), metadata=metadata, **fps))

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The class's own values, those of the checkpoint over them."""
        own = values_of(self.path, self.owner)
        return {"num_frames": None, "fps": None, **own, **dict(self.values)}

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The function, compiled from its file."""
        import numpy as np

        name = "sample_frames" if self.owner else "default_sample_indices_fn"
        return function_of(self.path, name, self.owner, np=np, torch=torch)


DEFAULT = RealSampler("video_utils.py")
QWEN2 = RealSampler("models/qwen2_vl/video_processing_qwen2_vl.py", "Qwen2VLVideoProcessor")
QWEN3 = RealSampler("models/qwen3_vl/video_processing_qwen3_vl.py", "Qwen3VLVideoProcessor")
INTERNVL = RealSampler("models/internvl/video_processing_internvl.py", "InternVLVideoProcessor")
# The checkpoint's `video_sampling`.
SMOLVLM = RealSampler(
    "models/smolvlm/video_processing_smolvlm.py",
    "SmolVLMVideoProcessor",
    values=(("num_frames", 64), ("fps", 1)),
)
# By the start of a model's name; Gemma 4 has a number of frames, and the function of its base.
SAMPLERS = {
    "gemma4": RealSampler("video_utils.py", values=(("num_frames", 32),), fps=False),
    "glm-4.1v": RealSampler("models/glm4v/video_processing_glm4v.py", "Glm4vVideoProcessor"),
    "internvl": INTERNVL,
    "llava-next-video": DEFAULT,
    "llava-onevision": DEFAULT,
    "qwen2-vl": QWEN2,
    "qwen2.5-vl": QWEN2,
    "qwen3-vl": QWEN3,
    "smolvlm2": SMOLVLM,
    "video-llava": DEFAULT,
}
NAMES = [entry.name for entry in catalogue.entries("model") if build_entry(entry).video]


def num_file_frames(footage: Footage) -> int:
    """Return the frames of the file."""
    return int(footage.seconds * FILE_FPS)


def sampler_of(name: str) -> RealSampler:
    """Return the real sampler of a model of the catalogue; there is one for each."""
    (sampler,) = (sampler for start, sampler in SAMPLERS.items() if name.startswith(start))
    return sampler


def random_videos(seed: str) -> list[Footage]:
    """Return videos of 4 seconds to an hour and a quarter, at rates that doubles hold exactly.

    Shorter ones at the lowest rates would have no frame at all, which some samplers fail on.
    """
    dice = random.Random(SEED + seed)
    longest = (8, 40, 310, 4500)
    return [
        Footage(dice.randint(32, 8 * dice.choice(longest)) / 8, dice.randint(1, 32) / 4)
        for _ in range(NUM_VIDEOS)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_sampled_frames_equal_those_of_the_real_processor(name: str) -> None:
    video, real = load_spec(name).video, sampler_of(name)
    assert video is not None

    def ours(footage: Footage) -> int:
        frames = video.sample(footage)
        return frames if real is not QWEN2 else in_steps_of_arange(footage, frames)

    check_equal(random_videos(name), ours, real.count)


def in_steps_of_arange(footage: Footage, num_frames: int) -> int:
    """Return how many frames Qwen2-VL's sampler takes where `num_frames` are what it computed.

    It steps through the file by `total / num_frames` in doubles, and so takes one frame too many
    of some files (a fortieth of them here). The authors' own code (qwen-vl-utils) does not.
    """
    total = num_file_frames(footage)
    return math.ceil(total / (total / num_frames))


def test_the_rules_of_the_class_stand_in_the_specs() -> None:
    for name, sampler in (("qwen2-vl", QWEN2), ("qwen2.5-vl", QWEN2), ("qwen3-vl", QWEN3)):
        video, settings = load_spec(name).video, sampler.settings
        assert video is not None
        assert (video.min_frames, video.max_frames) == (
            settings["min_frames"],
            settings["max_frames"],
        )
    glm = load_spec("glm4v").video
    assert glm is not None
    settings = SAMPLERS["glm-4.1v"].settings
    assert (glm.fps, glm.max_seconds) == (settings["fps"], settings["max_duration"])
