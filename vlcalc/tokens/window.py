"""The context window: what a prompt takes of it, what that leaves, how many more images fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlcalc.core.errors import RefusedError
from vlcalc.core.image_size import ImageSize

if TYPE_CHECKING:
    from vlcalc.tiling.base import TilingPolicy, VideoPolicy

# More images than any prompt has, and more frames than any search needs to look at.
MANY = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowUse:
    """What stands in a context window.

    Attributes:
        window: positions there are; None when not known.
        text_tokens: tokens of text.
        visual_tokens: positions that images take, image and extra tokens.
        reserve_tokens: room kept free for the answer.
    """

    window: int | None
    text_tokens: int
    visual_tokens: int
    reserve_tokens: int

    @property
    def sequence_length(self) -> int:
        """Text and images together."""
        return self.text_tokens + self.visual_tokens

    @property
    def share(self) -> float | None:
        """The sequence's share of the window."""
        return self.sequence_length / self.window if self.window else None

    @property
    def room(self) -> int | None:
        """Positions that text and reserve leave to images; none where they are over-full."""
        if self.window is None:
            return None
        return max(0, self.window - self.text_tokens - self.reserve_tokens)

    @property
    def left(self) -> int | None:
        """Window less sequence and reserve; negative when over-full."""
        if self.window is None:
            return None
        return self.window - self.sequence_length - self.reserve_tokens

    @property
    def fits(self) -> bool | None:
        """Whether sequence and reserve fit in the window."""
        return None if self.left is None else self.left >= 0


def images_that_fit(policy: TilingPolicy, image: ImageSize, room: int) -> int | None:
    """Return how many images of one size fit in `room` tokens; None where they take none."""
    # The cost of an image may depend on how many there are (DeepSeek-VL2 cuts at most two), so
    # start from what it is among many and walk down to the first number that really fits.
    tokens = policy.tile(image, num_images=MANY).sequence_tokens
    if not tokens:  # all are cross-attended (BLIP)
        return None
    count = room // tokens
    while count and count * policy.tile(image, num_images=count).sequence_tokens > room:
        count -= 1
    return count


def frames_that_fit(policy: VideoPolicy, frame: ImageSize, room: int) -> int:
    """Return how many frames of one size fit in `room` tokens."""

    def fits(frames: int) -> bool:
        try:
            return policy.tile(frame, frames).sequence_tokens <= room
        except RefusedError:
            return False

    if not fits(2):
        return int(fits(1))
    low, high = 2, MANY
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
