"""The chain from pixels to tokens as a table: a step a line, each with its rule."""

from __future__ import annotations

from vlcalc.core.image_size import ImageSize
from vlcalc.report.table import Column, Table
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.schema import Spec
from vlcalc.tiling.base import Step
from vlcalc.tokens.budget import Request, policy_of

COLUMNS = (
    Column("model", "model", "text", reader="machines"),
    Column("image", "image", "text", reader="machines"),
    Column("step", "step", "text"),
    Column("value", "value", "text"),
    Column("rule", "rule", "text"),
    Column("image_tokens", "image tokens", reader="machines"),
    Column("extra_tokens", "extra tokens", reader="machines"),
    Column("context_tokens", "context tokens", reader="machines"),
)


def explain_table(spec: Spec, image: ImageSize, request: Request) -> Table:
    """Return the steps for one image (or the frames of one video), and the total.

    Raises:
        InputError: a size or detail level that cannot be.
        RefusedError: the model's processor refuses such an image.
    """
    steps = _steps(spec, image, request)
    total = _total(steps)
    rows = [(spec.name, str(image), *step) for step in (*steps, total)]
    name = spec.title or spec.name
    caveat = policy_of(spec, request.detail).caveat(image)
    return Table(COLUMNS, rows, title=f"{name}, {image}: {total.value}", notes=_notes(spec, caveat))


def _steps(spec: Spec, image: ImageSize, request: Request) -> tuple[Step, ...]:
    if request.num_frames is not None and spec.video is not None:
        frames = request.num_frames
        if request.sampled and spec.video.max_frames:
            frames = min(frames, spec.video.max_frames)
        return spec.video.explain(image, frames)
    count = request.num_frames or request.num_images
    return policy_of(spec, request.detail).explain(image, num_images=count)


def _total(steps: tuple[Step, ...]) -> Step:
    image = sum(step.image_tokens for step in steps)
    extra = sum(step.extra_tokens for step in steps)
    context = sum(step.context_tokens for step in steps)
    counts = [(image, "image"), (extra, "extra"), (context, "context")]
    value = " + ".join(f"{count:,} {kind}" for count, kind in counts if count) + " tokens"
    return Step(
        "total", value, f"{image + extra:,} positions in the sequence", image, extra, context
    )


def _notes(spec: Spec, caveat: str) -> tuple[str, ...]:
    known = f"Rule {spec.status}, as of {spec.date}." if isinstance(spec, ApiSpec) else ""
    sources = "Sources: " + "; ".join(spec.sources) + "." if spec.sources else ""
    return tuple(note for note in (caveat, *spec.notes, known, sources) if note)
