"""Spec x request -> `TokenBudget`: what stands in the sequence, what is left of the window.

Integers only; every count here is exact, or it is the rule of an API whose status stands with it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from vlcalc.core.errors import InputError, RefusedError
from vlcalc.spec.api import ApiSpec, Price
from vlcalc.spec.schema import Spec
from vlcalc.tiling.base import ImageSize, Tiling, TilingPolicy, VideoPolicy

# More images than any prompt has, and more frames than any search needs to look at.
MANY = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is put before the model.

    Attributes:
        num_images: images of the size asked about.
        num_frames: frames of a video instead; None for images.
        sampled: whether the model's own cap on frames is still to be applied.
        text_tokens: tokens of text in the prompt.
        reserve_tokens: room kept free for the answer.
        context_window: the window to measure against instead of the model's own.
        detail: detail level of a hosted API; None for its default.
    """

    num_images: int = 1
    num_frames: int | None = None
    sampled: bool = False
    text_tokens: int = 0
    reserve_tokens: int = 0
    context_window: int | None = None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenBudget:
    """What images (or one video) cost a model, and what they leave.

    Attributes:
        model: name of the spec.
        image: size of one image or frame in pixels.
        request: what was asked.
        tiling: what one image becomes; for a video, what all its frames become.
        image_tokens: positions in the sequence that hold image vectors, all images together.
        extra_tokens: text tokens that the processor adds, all images together.
        context_tokens: vectors that are only cross-attended, all images together.
        context_window: the window measured against; None when not known.
        num_that_fit: how many such images (or frames) fit beside text and reserve; None when the
            window is not known, or an image takes no position in it.
        source: `exact` for open models, whose processors have been run; for an API, how its rule
            is known: official, measured, inferred or assumed.
        as_of: when an API's rule was last looked up; None for open models.
        doubt: why the count, or that of the extra tokens, is not certain; "" when it is.
        caveat: what must be said beside the count of just this image; "" where there is nothing.
        usd_per_image: price of one image (or frame) at the list price; None when not known.
        price_date: the day that price holds for; None when there is none.
    """

    model: str
    image: ImageSize
    request: Request
    tiling: Tiling
    image_tokens: int
    extra_tokens: int
    context_tokens: int
    context_window: int | None
    num_that_fit: int | None
    source: str
    as_of: datetime.date | None = None
    doubt: str = ""
    caveat: str = ""
    usd_per_image: float | None = None
    price_date: datetime.date | None = None

    @property
    def num_images(self) -> int | None:
        """Images of the request; None for a video."""
        return None if self.request.num_frames is not None else self.request.num_images

    @property
    def sequence_length(self) -> int:
        """Text, image and extra tokens together."""
        return self.request.text_tokens + self.image_tokens + self.extra_tokens

    @property
    def window_share(self) -> float | None:
        """The sequence's share of the window."""
        return self.sequence_length / self.context_window if self.context_window else None

    @property
    def tokens_left(self) -> int | None:
        """Window less sequence and reserve; negative when over-full."""
        if self.context_window is None:
            return None
        return self.context_window - self.sequence_length - self.request.reserve_tokens

    @property
    def fits(self) -> bool | None:
        """Whether sequence and reserve fit in the window."""
        return None if self.tokens_left is None else self.tokens_left >= 0

    @property
    def usd_per_1000_images(self) -> float | None:
        """List price of a thousand such images (or frames)."""
        return None if self.usd_per_image is None else self.usd_per_image * 1000

    @property
    def pixels_per_token(self) -> float | None:
        """Original pixels that one position of the sequence or one context token stands for."""
        shown = self.request.num_frames or self.request.num_images
        tokens = self.image_tokens + self.extra_tokens + self.context_tokens
        return self.image.num_pixels * shown / tokens if tokens else None


def budget(spec: Spec, image: ImageSize, request: Request) -> TokenBudget:
    """Return what `request` costs `spec` with images (or frames) of one size.

    Raises:
        InputError: a size, count or detail level that cannot be.
        RefusedError: the model's processor refuses such an image.
    """
    _check(request)
    if request.sampled and request.num_frames and spec.video and spec.video.max_frames:
        frames = min(request.num_frames, spec.video.max_frames)
        request = replace(request, num_frames=frames)
    _check_limits(spec, image, request)
    tiling, count = tile_request(spec, image, request)
    window = request.context_window or spec.context_window
    tokens = tiling.sequence_tokens * count
    return TokenBudget(
        model=spec.name,
        image=image,
        request=request,
        tiling=tiling,
        image_tokens=tiling.image_tokens * count,
        extra_tokens=tiling.extra_tokens * count,
        context_tokens=tiling.context_tokens * count,
        context_window=window,
        num_that_fit=None if window is None else _num_that_fit(spec, image, request, window),
        caveat=policy_of(spec, request.detail).caveat(image),
        **_provenance(spec, request, tokens),
    )


def _provenance(spec: Spec, request: Request, tokens: int) -> dict[str, Any]:
    """Return how the count is known, and what it costs where there is a price."""
    extra = getattr(policy_of(spec, request.detail), "extra", None)
    reason = extra.tokenizer_dependent if extra else None
    doubt = f"extra tokens depend on the tokenizer: {reason}" if reason else ""
    if not isinstance(spec, ApiSpec):
        return {"source": "exact", "doubt": doubt}
    if spec.approximate:
        doubt = "the provider itself calls the count approximate"
    known = {"source": spec.status, "as_of": spec.date, "doubt": doubt}
    num_shown = request.num_frames or request.num_images
    if spec.price is None or spec.price.input_usd_per_mtok is None or not num_shown:
        return known
    usd = tokens / num_shown * _input_price(spec.price, request.text_tokens + tokens) / 1e6
    return {**known, "usd_per_image": usd, "price_date": spec.price.date}


def tile_request(spec: Spec, image: ImageSize, request: Request) -> tuple[Tiling, int]:
    """Return what is tiled for a request, and how many times it stands in the prompt."""
    if request.num_frames is not None and spec.video is not None:
        return spec.video.tile(image, request.num_frames), 1
    count = request.num_frames if request.num_frames is not None else request.num_images
    return policy_of(spec, request.detail).tile(image, num_images=count), count


def tiler(spec: Spec, detail: str | None = None) -> Callable[[ImageSize], Tiling]:
    """Return the function that tiles one image for a spec; it raises as `budget` does.

    Raises:
        InputError: the spec has no such detail level.
    """
    policy, request = policy_of(spec, detail), Request(detail=detail)
    if not isinstance(spec, ApiSpec) or spec.limits is None:
        return policy.tile

    def tile(image: ImageSize) -> Tiling:
        _check_limits(spec, image, request)
        return policy.tile(image)

    return tile


def policy_of(spec: Spec, detail: str | None = None) -> TilingPolicy:
    """Return the rule of a spec, at a detail level where it is an API; raises as `tiling_for`."""
    if isinstance(spec, ApiSpec):
        return spec.tiling_for(detail)
    if detail is not None:
        raise InputError(
            expected="a detail level for hosted APIs only", got=f"`{detail}`", where=spec.name
        )
    return spec.tiling


def _input_price(price: Price, prompt_tokens: int) -> float:
    """Return dollars per million input tokens of a prompt of that length."""
    usd = price.input_usd_per_mtok or 0.0
    for tier in price.tiers:
        if prompt_tokens > tier.above_input_tokens and tier.input_usd_per_mtok is not None:
            usd = tier.input_usd_per_mtok
    return usd


def _check_limits(spec: Spec, image: ImageSize, request: Request) -> None:
    limits = spec.limits if isinstance(spec, ApiSpec) else None
    if limits is None:
        return
    if limits.max_side_px and max(image) > limits.max_side_px:
        raise RefusedError(f"{image}: the API takes sides of at most {limits.max_side_px:,} px")
    if limits.max_images and request.num_images > limits.max_images:
        raise RefusedError(
            f"{request.num_images:,} images: the API takes at most {limits.max_images:,} a request"
        )


def _check(request: Request) -> None:
    for name, value, least in (
        ("images", request.num_images, 0),
        ("frames", 1 if request.num_frames is None else request.num_frames, 1),
        ("text tokens", request.text_tokens, 0),
        ("reserved tokens", request.reserve_tokens, 0),
        ("tokens of context", 1 if request.context_window is None else request.context_window, 1),
    ):
        if type(value) is not int:
            raise InputError(expected=f"a whole number of {name}", got=repr(value)[:60])
        if value < least:
            raise InputError(expected=f"at least {least} {name}", got=str(value))


def _num_that_fit(spec: Spec, image: ImageSize, request: Request, window: int) -> int | None:
    """Return the largest number of such images (or frames) that fits; None without a bound."""
    room = window - request.text_tokens - request.reserve_tokens
    if room <= 0:
        return 0
    if request.num_frames is not None and spec.video is not None:
        frames = _frames_that_fit(spec.video, image, room)
        return min(frames, spec.video.max_frames or frames) if request.sampled else frames
    fit = _images_that_fit(policy_of(spec, request.detail), image, room)
    limits = spec.limits if isinstance(spec, ApiSpec) else None
    bounds = [bound for bound in (fit, limits.max_images if limits else None) if bound is not None]
    return min(bounds, default=None)


def _images_that_fit(policy: TilingPolicy, image: ImageSize, room: int) -> int | None:
    # The cost of an image may depend on how many there are (DeepSeek-VL2 cuts at most two), so
    # start from what it is among many and walk down to the first number that really fits.
    tokens = policy.tile(image, num_images=MANY).sequence_tokens
    if not tokens:  # all are cross-attended (BLIP)
        return None
    count = room // tokens
    while count and count * policy.tile(image, num_images=count).sequence_tokens > room:
        count -= 1
    return count


def _frames_that_fit(policy: VideoPolicy, frame: ImageSize, room: int) -> int:
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
