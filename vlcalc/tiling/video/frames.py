"""Frames: every frame of a clip is an image of its own.

Source: transformers `models/llava_onevision/processing_llava_onevision.py`,
`llava_next_video/processing_llava_next_video.py`, `video_llava/processing_video_llava.py`,
`internvl/processing_internvl.py`, `smolvlm/processing_smolvlm.py`, `gemma4/processing_gemma4.py`.
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.bounds import NonNegativeInt
from vlcalc.tiling.base import (
    VIDEO_POLICIES,
    ImageSize,
    Step,
    Tiling,
    TilingField,
    TilingPolicy,
    VideoPolicy,
)
from vlcalc.tiling.steps import repeated


@VIDEO_POLICIES.register("frames")
class Frames(VideoPolicy):
    """The cost of a clip is its number of frames times the cost of one.

    Attributes:
        frame: the rule for one frame; its `patch_size` is the clip's unless it has its own.
        clip_tokens: learned vectors that are added once per clip, such as one newline.
    """

    kind: Literal["frames"]
    frame: TilingField
    clip_tokens: NonNegativeInt = 0

    def _tile(self, frame: ImageSize, num_frames: int) -> Tiling:
        one = self._policy().tile(frame)
        views = tuple(view._replace(number=view.number * num_frames) for view in one.views)
        return one._replace(
            views=views,
            image_tokens=one.image_tokens * num_frames + self.clip_tokens,
            extra_tokens=one.extra_tokens * num_frames,
            context_tokens=one.context_tokens * num_frames,
        )

    def _policy(self) -> TilingPolicy:
        if self.frame.patch_size is not None:
            return self.frame
        return self.frame.model_copy(update={"patch_size": self.patch_size})

    def _explain(self, frame: ImageSize, num_frames: int) -> tuple[Step, ...]:
        steps = self._policy().explain(frame)
        return (
            *repeated(steps, num_frames, "frames", "each frame on its own"),
            *self._clip_steps(),
        )

    def _clip_steps(self) -> tuple[Step, ...]:
        if not self.clip_tokens:
            return ()
        value = f"{self.clip_tokens} learned"
        return (Step("clip", value, "image tokens once per clip", image_tokens=self.clip_tokens),)
