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
from vlcalc.tiling.base import Footage, ImageSize, Tiling, TilingPolicy
from vlcalc.tokens.window import WindowUse, frames_that_fit, images_that_fit

# Longer than any video, so that a cap on its frames shows.
LONGEST_S = 1e9
# What is tiled where text stands alone.
NOTHING = Tiling(ImageSize(0, 0), columns=0, rows=0, views=(), image_tokens=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is put before the model.

    Attributes:
        num_images: images of one size; 0 for text alone.
        num_frames: frames of a video instead, as sampled; None for images.
        footage: the video that the model's own rule still has to sample; `num_frames` gives way
            to it.
        text_tokens: tokens of text in the prompt.
        reserve_tokens: room kept free for the answer.
        context_window: the window to measure against instead of the model's own.
        detail: detail level of a hosted API; None for its default.
    """

    num_images: int = 1
    num_frames: int | None = None
    footage: Footage | None = None
    text_tokens: int = 0
    reserve_tokens: int = 0
    context_window: int | None = None
    detail: str | None = None

    @property
    def num_shown(self) -> int:
        """Images, or frames of the video."""
        return self.num_images if self.num_frames is None else self.num_frames


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenBudget:
    """What images (or one video) cost a model, and what they leave.

    Attributes:
        model: name of the spec.
        image: size of one image or frame in pixels; None where text stands alone.
        request: what is put before the model, a video as it was sampled.
        tiling: what one image becomes; for a video, what all its frames become.
        image_tokens: positions in the sequence that hold image vectors, all images together.
        extra_tokens: text tokens that the processor adds, all images together.
        context_tokens: vectors that are only cross-attended, all images together.
        window_use: what the sequence takes of the context window.
        num_that_fit: how many such images (or frames) fit beside text and reserve; None when the
            window is not known, an image takes no position in it, or none is shown.
        source: `exact` for open models, whose processors have been run; for an API, how its rule
            is known: official, measured, inferred or assumed.
        as_of: when an API's rule was last looked up; None for open models.
        doubt: why the count, or that of the extra tokens, is not certain; "" when it is.
        caveat: what must be said beside the count of just this image; "" where there is nothing.
        usd_per_image: price of one image (or frame) at the list price; None when not known.
        price_date: the day that price holds for; None when there is none.
    """

    model: str
    image: ImageSize | None
    request: Request
    tiling: Tiling
    image_tokens: int
    extra_tokens: int
    context_tokens: int
    window_use: WindowUse
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
    def context_window(self) -> int | None:
        """The window measured against; None when not known."""
        return self.window_use.window

    @property
    def sequence_length(self) -> int:
        """Text, image and extra tokens together."""
        return self.window_use.sequence_length

    @property
    def window_share(self) -> float | None:
        """The sequence's share of the window."""
        return self.window_use.share

    @property
    def tokens_left(self) -> int | None:
        """Window less sequence and reserve; negative when over-full."""
        return self.window_use.left

    @property
    def fits(self) -> bool | None:
        """Whether sequence and reserve fit in the window."""
        return self.window_use.fits

    @property
    def usd_per_1000_images(self) -> float | None:
        """List price of a thousand such images (or frames)."""
        return None if self.usd_per_image is None else self.usd_per_image * 1000

    @property
    def pixels_per_token(self) -> float | None:
        """Original pixels that one position of the sequence or one context token stands for."""
        tokens = self.image_tokens + self.extra_tokens + self.context_tokens
        if self.image is None or not tokens:
            return None
        return self.image.num_pixels * self.request.num_shown / tokens


def budget(spec: Spec, image: ImageSize | None, request: Request) -> TokenBudget:
    """Return what `request` costs `spec` with images (or frames) of one size.

    Raises:
        InputError: a size, count or detail level that cannot be.
        RefusedError: the model's processor refuses such an image.
    """
    _check(image, request)
    request = sampled(spec, request)
    tiling, count = tile_request(spec, image, request)
    shown = image if count else None
    tokens = tiling.sequence_tokens * count
    use = WindowUse(
        window=request.context_window or spec.context_window,
        text_tokens=request.text_tokens,
        visual_tokens=tokens,
        reserve_tokens=request.reserve_tokens,
    )
    return TokenBudget(
        model=spec.name,
        image=image,
        request=request,
        tiling=tiling,
        image_tokens=tiling.image_tokens * count,
        extra_tokens=tiling.extra_tokens * count,
        context_tokens=tiling.context_tokens * count,
        window_use=use,
        num_that_fit=_num_that_fit(spec, shown, request, use.room) if shown else None,
        caveat=policy_of(spec, request.detail).caveat(shown) if shown else "",
        **_provenance(spec, request, tokens),
    )


def sampled(spec: Spec, request: Request) -> Request:
    """Return the request with the frames that the model's own rule takes of its footage."""
    footage = request.footage
    if footage is None:
        return request
    num_frames = spec.video.sample(footage) if spec.video else footage.num_frames
    return replace(request, num_frames=num_frames)


def _provenance(spec: Spec, request: Request, tokens: int) -> dict[str, Any]:
    """Return how the count is known, and what it costs where there is a price."""
    if not isinstance(spec, ApiSpec):
        reason = policy_of(spec, request.detail).extra.tokenizer_dependent
        doubtful = reason and request.num_shown
        doubt = f"extra tokens depend on the tokenizer: {reason}" if doubtful else ""
        return {"source": "exact", "doubt": doubt}
    doubt = "the provider itself calls the count approximate" if spec.approximate else ""
    known = {"source": spec.status, "as_of": spec.date, "doubt": doubt}
    if spec.price is None or spec.price.input_usd_per_mtok is None or not request.num_shown:
        return known
    usd_per_mtok = _input_price(spec.price, request.text_tokens + tokens)
    usd = tokens / request.num_shown * usd_per_mtok / 1e6
    return {**known, "usd_per_image": usd, "price_date": spec.price.date}


def tile_request(spec: Spec, image: ImageSize | None, request: Request) -> tuple[Tiling, int]:
    """Return what is tiled for a sampled request, and how many times it stands in the prompt.

    Raises:
        InputError: a size or detail level that cannot be.
        RefusedError: the model's processor or API refuses such an image, or so many.
    """
    count, policy = request.num_shown, policy_of(spec, request.detail)
    if image is None or not count:
        return NOTHING, 0
    _check_limits(spec, image, request)
    if request.num_frames is not None and spec.video is not None:
        return spec.video.tile(image, count), 1
    return policy.tile(image, num_images=count), count


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


def _check(image: ImageSize | None, request: Request) -> None:
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
    if image is None and (request.num_images or request.num_frames or request.footage):
        raise InputError(expected="the size of an image", got="none")


def _num_that_fit(spec: Spec, image: ImageSize, request: Request, room: int | None) -> int | None:
    """Return the largest number of such images (or frames) that fits; None without a bound."""
    if not room:
        return room
    if request.num_frames is not None and spec.video is not None:
        frames = frames_that_fit(spec.video, image, room)
        if request.footage is None:
            return frames
        return min(frames, spec.video.sample(request.footage._replace(seconds=LONGEST_S)))
    fit = images_that_fit(policy_of(spec, request.detail), image, room)
    limits = spec.limits if isinstance(spec, ApiSpec) else None
    bounds = [bound for bound in (fit, limits.max_images if limits else None) if bound is not None]
    return min(bounds, default=None)
