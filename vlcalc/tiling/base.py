"""Words and contract of tiling: pixels -> tiles -> patches -> visual tokens, in integers.

`ImageSize` goes in, `Tiling` comes out, a `TilingPolicy` is the rule in between. A policy is one
file of this package: a frozen model whose fields are the YAML keys, registered under its `kind`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize, check_size
from vlcalc.core.registry import Registry
from vlcalc.tiling.field import ByKind

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


class View(NamedTuple):
    """`number` encoder inputs of one shape, each `columns` x `rows` patches."""

    name: str
    number: int
    columns: int
    rows: int

    @property
    def num_patches(self) -> int:
        """Patches of all inputs of this shape."""
        return self.number * self.columns * self.rows


class Step(NamedTuple):
    """One line of an explanation: what happened, the value it gave, the rule behind it.

    The tokens of all steps of a chain sum to the total of its `Tiling` (a test holds it).
    """

    name: str
    value: str
    rule: str
    image_tokens: int = 0
    extra_tokens: int = 0
    context_tokens: int = 0


class Tiling(NamedTuple):
    """What one image (or one video) becomes.

    Attributes:
        resized: pixels that the tiles are cut from, or that the encoder sees whole.
        columns: tiles across the grid (1 when the image is not cut).
        rows: tiles down the grid.
        views: what the encoder is run on: tiles, thumbnail.
        image_tokens: positions of the LLM's sequence that hold an image's vector, learned newline
            and separator vectors included.
        extra_tokens: text tokens that the processor adds: start, end, row breaks, tile tags.
        context_tokens: vectors that are only cross-attended.
    """

    resized: ImageSize
    columns: int
    rows: int
    views: tuple[View, ...]
    image_tokens: int
    extra_tokens: int = 0
    context_tokens: int = 0

    @property
    def num_tiles(self) -> int:
        """Encoder inputs, the thumbnail included."""
        return sum(view.number for view in self.views)

    @property
    def num_patches(self) -> int:
        """Patches over all encoder inputs."""
        return sum(view.num_patches for view in self.views)

    @property
    def sequence_tokens(self) -> int:
        """Positions that the image takes in the sequence: image tokens and extra tokens."""
        return self.image_tokens + self.extra_tokens


class Frozen(BaseModel):
    """A frozen record of a spec; unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, strict=True, allow_inf_nan=False
    )


class TilingPolicy(Frozen, ABC):
    """The rule that turns an image's size into tiles, patches and tokens.

    Fields are the keys of a spec's `tiling:` block. `patch_size` is given by the spec's vision
    encoder unless the block sets it.
    """

    kind: str
    patch_size: PositiveInt | None = None

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
