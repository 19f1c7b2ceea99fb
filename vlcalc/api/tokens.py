"""`vlcalc.tokens`: what an image costs a model, and what is left of its window."""

from __future__ import annotations

from vlcalc.api.sizes import AnySize, size_of
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import Spec
from vlcalc.tokens.budget import Request, TokenBudget, budget


def tokens(
    model: str | Spec,
    image: AnySize,
    *,
    num_images: int = 1,
    num_frames: int | None = None,
    text_tokens: int = 0,
    reserve_tokens: int = 0,
    context_window: int | None = None,
    detail: str | None = None,
) -> TokenBudget:
    """Return what an image costs a model, exactly, and what is left of its window.

    >>> import vlcalc
    >>> vlcalc.tokens("llava-1.5", (1920, 1080)).image_tokens
    576

    Args:
        model: a spec, or a name that `load_spec` knows, or the path of a YAML file.
        image: a size as (width, height) or `"1920x1080"`, or an image file, of which only the
            header is read.
        num_images: images of that size in the prompt.
        num_frames: frames of a video of that size, in place of images.
        text_tokens: tokens of text in the prompt.
        reserve_tokens: room kept free for the answer.
        context_window: the window to measure against instead of the model's own.
        detail: detail level of a hosted API.

    Raises:
        InputError: a size, file, number or name that cannot be.
        SpecError: the model's YAML file is not valid.
        RefusedError: the model's processor refuses such an image.
    """
    spec = load_spec(model) if isinstance(model, str) else model
    request = Request(
        num_images=num_images,
        num_frames=num_frames,
        text_tokens=text_tokens,
        reserve_tokens=reserve_tokens,
        context_window=context_window,
        detail=detail,
    )
    return budget(spec, size_of(image), request)
