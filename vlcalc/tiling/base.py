"""Contract of tiling: pixels -> tiles -> patches -> visual tokens, in integers.

`ImageSize` goes in, `Tiling` comes out, a `TilingPolicy` is the rule in between. A policy is one
file of this package: a frozen model whose fields are the YAML keys, registered under its `kind`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import ConfigDict

from vlcalc.core.bounds import PositiveFloat, PositiveInt
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize, check_size
from vlcalc.core.registry import Registry
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.field import ByKind, UnlessField
from vlcalc.tiling.words import Frozen, Step, Tiling, View

__all__ = [
    "POLICIES",
    "VIDEO_POLICIES",
    "Footage",
    "Frozen",
    "ImageSize",
    "Step",
    "Tiling",
    "TilingField",
    "TilingPolicy",
    "VideoField",
    "VideoPolicy",
    "View",
]

# What a product of seconds and frames a second may fall short of a whole number by.
ROUNDING_ERROR = 1e-9


class TilingPolicy(Frozen, ABC):
    """The rule that turns an image's size into tiles, patches and tokens.

    Fields are the keys of a spec's `tiling:` block. `patch_size` is given by the spec's vision
    encoder unless the block sets it.
    """

    model_config = ConfigDict(ignored_types=(UnlessField,))

    kind: str
    patch_size: PositiveInt | None = None

    if TYPE_CHECKING:

        @property
        def merge_size(self) -> int:
            """Side of the square of patches that the tiling merges into one token."""

        @property
        def extra(self) -> ExtraTokens:
            """Text tokens that the processor lays around an image."""

    else:
        merge_size = UnlessField(1)
        extra = UnlessField(ExtraTokens())

    def tile(self, image: ImageSize, *, num_images: int = 1) -> Tiling:
        """Return what `image` becomes in a prompt of `num_images` images.

        Raises:
            InputError: a side is below 1 px or above 100,000 px.
            RefusedError: the model's processor refuses such an image.
        """
        check_size(image)
        return self._tile(image, num_images)

    def explain(self, image: ImageSize, *, num_images: int = 1) -> tuple[Step, ...]:
        """Return the chain from pixels to tokens, a step a line; raises what `tile` raises."""
        check_size(image)
        return self._explain(image, num_images)

    def caveat(self, image: ImageSize) -> str:
        """Return what must be said beside the count of this image; "" where there is nothing."""
        return ""

    @abstractmethod
    def _tile(self, image: ImageSize, num_images: int) -> Tiling: ...

    @abstractmethod
    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]: ...

    @property
    def merged_side(self) -> int:
        """Side of the square of patches that becomes one token; 1 where none are merged."""
        return 1

    @property
    def patch(self) -> int:
        """Side of a patch in pixels, known once the spec is resolved."""
        if self.patch_size is None:
            raise InputError(
                expected="`patch_size` in the tiling block, or a vision encoder that has one",
                got="neither",
                where=f"tiling `{self.kind}`",
            )
        return self.patch_size


POLICIES: Registry[type[TilingPolicy]] = Registry("tiling policy", "vlcalc.tiling")


class Footage(NamedTuple):
    """A video before it is sampled: how long it is, how many frames a second are asked for."""

    seconds: float
    fps: float

    @property
    def num_frames(self) -> int:
        """Whole frames of it, at least one."""
        return max(1, int(self.seconds * self.fps + ROUNDING_ERROR))


class VideoPolicy(Frozen, ABC):
    """The rule that turns a video into frames, and frames into visual tokens.

    Fields are the keys of the `video:` block.

    Attributes:
        fps: frames a second that the processor samples by default; None when it takes all.
        fixed_fps: whether it samples at that rate whatever is asked for.
        min_frames: frames it samples at least.
        max_frames: frames it samples at most; None when there is no cap.
        max_seconds: seconds whose worth of frames it samples at most; None when there is no cap.
        frame_step: what the number of sampled frames is a multiple of.
        step_rounding: whether frames are dropped or repeated to make it one.
        rounding: what becomes of a fraction of a frame.
    """

    kind: str
    patch_size: PositiveInt | None = None
    fps: PositiveFloat | None = None
    fixed_fps: bool = False
    min_frames: PositiveInt = 1
    max_frames: PositiveInt | None = None
    max_seconds: PositiveFloat | None = None
    frame_step: PositiveInt = 1
    step_rounding: Literal["down", "up"] = "down"
    rounding: Literal["floor", "round"] = "floor"

    def sample(self, footage: Footage) -> int:
        """Return how many frames of a video the processor takes.

        The video itself is taken to have as many frames as are sampled of it, and more.
        """
        fps = self.fps if self.fixed_fps and self.fps else footage.fps
        seconds = min(footage.seconds, self.max_seconds or footage.seconds)
        exact = seconds * fps
        frames = round(exact) if self.rounding == "round" else int(exact + ROUNDING_ERROR)
        frames = max(frames, self.min_frames)
        frames = min(frames, self.max_frames or frames)
        if self.step_rounding == "up":
            frames += self.frame_step - 1
        return frames // self.frame_step * self.frame_step

    def sampling_rule(self) -> str:
        """Say in one line what `sample` does, for explanations."""
        most, least = self.max_frames, self.min_frames
        rules = [
            f"at {self.fps:g} frames a second" if self.fixed_fps else "",
            f"at least {least:,} frames" if least > 1 else "",
            f"at most {most:,} frames" if most else "",
            f"at most {self.max_seconds:g} seconds' worth" if self.max_seconds else "",
            f"a multiple of {self.frame_step}, rounded {self.step_rounding}"
            if self.frame_step > 1
            else "",
        ]
        return "the processor samples " + (", ".join(filter(None, rules)) or "whole frames")

    def tile(self, frame: ImageSize, num_frames: int) -> Tiling:
        """Return what `num_frames` frames of one size become, taken as `sample` left them.

        Raises:
            InputError: a side is below 1 px or above 100,000 px, or there are no frames.
            RefusedError: the model's processor refuses such a clip.
        """
        self._check(frame, num_frames)
        return self._tile(frame, num_frames)

    def explain(self, frame: ImageSize, num_frames: int) -> tuple[Step, ...]:
        """Return the chain from frames to tokens, a step a line; raises what `tile` raises."""
        self._check(frame, num_frames)
        return self._explain(frame, num_frames)

    @staticmethod
    def _check(frame: ImageSize, num_frames: int) -> None:
        check_size(frame)
        if num_frames < 1:
            raise InputError(expected="at least 1 frame", got=str(num_frames))

    @abstractmethod
    def _tile(self, frame: ImageSize, num_frames: int) -> Tiling: ...

    @abstractmethod
    def _explain(self, frame: ImageSize, num_frames: int) -> tuple[Step, ...]: ...


VIDEO_POLICIES: Registry[type[VideoPolicy]] = Registry("video policy", "vlcalc.tiling.video")

TilingField = Annotated[TilingPolicy, ByKind(POLICIES)]
VideoField = Annotated[VideoPolicy, ByKind(VIDEO_POLICIES)]
