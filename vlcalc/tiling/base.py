"""Contract of tiling: pixels -> tiles -> patches -> visual tokens, in integers.

`ImageSize` goes in, `Tiling` comes out, a `TilingPolicy` is the rule in between. A policy is one
file of this package: a frozen model whose fields are the YAML keys, registered under its `kind`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, PositiveFloat, PositiveInt

from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize, check_size
from vlcalc.core.registry import Registry
from vlcalc.tiling.extra import ExtraTokens
from vlcalc.tiling.field import ByKind, UnlessField
from vlcalc.tiling.words import Frozen, Step, Tiling, View

__all__ = [
    "POLICIES",
    "VIDEO_POLICIES",
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


class VideoPolicy(Frozen, ABC):
    """The rule that turns sampled frames into visual tokens; fields are the `video:` block's keys.

    Attributes:
        fps: frames a second that the processor samples by default; None when it takes all.
        max_frames: frames it samples at most; None when there is no cap.
    """

    kind: str
    patch_size: PositiveInt | None = None
    fps: PositiveFloat | None = None
    max_frames: PositiveInt | None = None

    def tile(self, frame: ImageSize, num_frames: int) -> Tiling:
        """Return what `num_frames` sampled frames of one size become; sampling is not applied.

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
