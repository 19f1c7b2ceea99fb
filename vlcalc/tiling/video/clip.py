"""Clip: neighbouring frames merge into one group, each frame at native resolution in a budget.

Source: transformers `models/qwen2_vl/video_processing_qwen2_vl.py` (budget of a frame),
`qwen3_vl/video_processing_qwen3_vl.py` and `glm4v/video_processing_glm4v.py` (budget of the clip).
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from vlcalc.core.bounds import NonNegativeInt, PositiveInt
from vlcalc.core.errors import InputError
from vlcalc.tiling.base import (
    VIDEO_POLICIES,
    Frozen,
    ImageSize,
    Step,
    Tiling,
    VideoPolicy,
    View,
)
from vlcalc.tiling.smart_resize import Bounds, merge_rule, smart_resize, smart_resize_clip
from vlcalc.tiling.steps import patches_step, vectors_step


class ClipExtra(Frozen):
    """How many text tokens a processor adds to a clip.

    Attributes:
        clip: once per clip, such as a start and an end token.
        group: for each group of frames.
        tokenizer_dependent: text that comes on top and is not counted, such as time stamps.
    """

    clip: NonNegativeInt = 0
    group: NonNegativeInt = 0
    tokenizer_dependent: str | None = None


@VIDEO_POLICIES.register("clip")
class Clip(VideoPolicy):
    """Groups of `temporal_patch_size` frames; the last frame is repeated to fill the last group.

    Attributes:
        merge_size: side of the square of patches that becomes one token.
        temporal_patch_size: frames that one patch spans.
        budget: whether the pixel bounds hold for a frame or for the whole clip.
        min_pixels: pixels below which frames are enlarged.
        max_pixels: pixels above which they are shrunk.
        cap_tokens: tokens of the window that an even share of a clip is held to, nine tenths of
            them, where a budget of frames is capped (`cap_pixels_per_frame`).
        extra: text tokens around the clip and its groups.
    """

    kind: Literal["clip"]
    merge_size: PositiveInt = 2
    temporal_patch_size: PositiveInt = 2
    budget: Literal["frame", "clip"]
    min_pixels: PositiveInt
    max_pixels: PositiveInt
    cap_tokens: PositiveInt | None = None
    extra: ClipExtra = ClipExtra()

    @model_validator(mode="after")
    def _check_keys(self) -> Clip:
        if self.cap_tokens is not None and self.budget != "frame":
            raise PydanticCustomError("cap", "expected `budget: frame` beside `cap_tokens`")
        return self

    def _tile(self, frame: ImageSize, num_frames: int) -> Tiling:
        factor = self._factor()
        resized = self._resize(frame, num_frames, factor)
        columns, rows = resized.width // factor, resized.height // factor
        groups = self._num_groups(num_frames)
        merge = self.merge_size
        return Tiling(
            resized=resized,
            columns=1,
            rows=1,
            views=(View("group", groups, columns * merge, rows * merge),),
            image_tokens=groups * columns * rows,
            extra_tokens=self.extra.clip + self.extra.group * groups,
        )

    def _factor(self) -> int:
        if self.patch_size is None:
            raise InputError(
                expected="`patch_size` in the video block, or a vision encoder that has one",
                got="neither",
                where=f"video `{self.kind}`",
            )
        return self.patch_size * self.merge_size

    def _num_groups(self, num_frames: int) -> int:
        return math.ceil(num_frames / self.temporal_patch_size)

    def _resize(self, frame: ImageSize, num_frames: int, factor: int) -> ImageSize:
        if self.budget == "frame":
            max_pixels = self._max_frame_pixels(num_frames, factor)
            return smart_resize(frame, Bounds(factor, self.min_pixels, max_pixels))
        bounds = Bounds(factor, self.min_pixels, self.max_pixels)
        return smart_resize_clip(frame, num_frames, self.temporal_patch_size, bounds)

    def _max_frame_pixels(self, num_frames: int, factor: int) -> int:
        if self.cap_tokens is None:
            return self.max_pixels
        clip_pixels = int(self.cap_tokens * factor**2 * 0.9)
        share = clip_pixels * self.temporal_patch_size // num_frames
        return max(min(self.max_pixels, share), int(self.min_pixels * 1.05))

    def _explain(self, frame: ImageSize, num_frames: int) -> tuple[Step, ...]:
        tiling = self._tile(frame, num_frames)
        factor = self._factor()
        temporal = self.temporal_patch_size
        view = tiling.views[0]
        return (
            Step("resize", str(tiling.resized), self._resize_rule(num_frames, factor)),
            Step(
                "groups",
                f"{num_frames} / {temporal} = {view.number} groups, rounded up",
                f"{temporal} frames merge into one, the last one repeated to fill a group",
            ),
            patches_step(view, factor // self.merge_size),
            vectors_step(tiling.image_tokens, f"{merge_rule(self.merge_size)}, over all groups"),
            *self._extra_steps(tiling.extra_tokens, view.number),
        )

    def _resize_rule(self, num_frames: int, factor: int) -> str:
        max_pixels, what = self.max_pixels, "all frames"
        if self.budget == "frame":
            max_pixels, what = self._max_frame_pixels(num_frames, factor), "a frame"
        return (
            f"sides to the nearest multiple of {factor} (half to even), "
            f"{self.min_pixels:,} to {max_pixels:,} px over {what}"
        )

    def _extra_steps(self, total: int, groups: int) -> tuple[Step, ...]:
        if not total:
            return ()
        parts = [f"{self.extra.clip} for the clip"] if self.extra.clip else []
        parts += [f"{self.extra.group} x {groups} groups"] if self.extra.group else []
        rule = " + ".join(parts)
        if self.extra.tokenizer_dependent:
            rule += f" ({self.extra.tokenizer_dependent})"
        return (Step("extra", f"{total:,} extra tokens", rule, extra_tokens=total),)
