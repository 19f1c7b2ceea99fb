"""The chain from pixels to tokens as a table: a step a line, each with its rule."""

from __future__ import annotations

from vlcalc.core.image_size import ImageSize
from vlcalc.report.table import Column, Table
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.schema import Spec
from vlcalc.tiling.base import Step, VideoPolicy
from vlcalc.tiling.steps import repeated
from vlcalc.tokens.budget import Request, policy_of, sampled, tile_request

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


def explain_table(spec: Spec, image: ImageSize | None, request: Request) -> Table:
    """Return the steps for the images (or the frames of one video) of a request, and the total.

    Raises:
        InputError: a size or detail level that cannot be.
        RefusedError: the model's processor refuses such an image.
    """
    request = sampled(spec, request)
    steps = _steps(spec, image, request)
    total = _total(steps)
    rows = [(spec.name, None if image is None else str(image), *step) for step in (*steps, total)]
    name = spec.title or spec.name
    caveat = policy_of(spec, request.detail).caveat(image) if image and steps else ""
    title = f"{name}, {image or 'text alone'}: {total.value}"
    return Table(COLUMNS, rows, title=title, notes=_notes(spec, caveat))


def _steps(spec: Spec, image: ImageSize | None, request: Request) -> tuple[Step, ...]:
    _, count = tile_request(spec, image, request)  # refuses what the row refuses
    if image is None or not count:
        return ()
    if request.num_frames is not None and spec.video is not None:
        frames = spec.video.explain(image, request.num_frames)
        return (*_sampling_steps(spec.video, request), *frames)
    steps = policy_of(spec, request.detail).explain(image, num_images=count)
    if count == 1:
        return steps
    name = "image" if request.num_frames is None else "frame"
    return repeated(steps, count, f"{name}s", f"each {name} on its own")


def _sampling_steps(video: VideoPolicy, request: Request) -> tuple[Step, ...]:
    footage, num_frames = request.footage, request.num_frames
    if footage is None or footage.num_frames == num_frames:
        return ()
    value = f"{num_frames:,} frames in place of {footage.num_frames:,}"
    return (Step("sample", value, video.sampling_rule()),)


def _total(steps: tuple[Step, ...]) -> Step:
    image = sum(step.image_tokens for step in steps)
    extra = sum(step.extra_tokens for step in steps)
    context = sum(step.context_tokens for step in steps)
    counts = [(image, "image"), (extra, "extra"), (context, "context")]
    parts = " + ".join(f"{count:,} {kind}" for count, kind in counts if count)
    value = f"{parts or 'no'} tokens"
    return Step(
        "total", value, f"{image + extra:,} positions in the sequence", image, extra, context
    )


def _notes(spec: Spec, caveat: str) -> tuple[str, ...]:
    known = _known(spec) if isinstance(spec, ApiSpec) else ""
    sources = "Sources: " + "; ".join(spec.sources) + "." if spec.sources else ""
    return tuple(note for note in (caveat, *spec.notes, known, sources) if note)


def _known(spec: ApiSpec) -> str:
    parts = ", ".join(f"{part} {status}" for part, status in spec.statuses.items())
    how = f"Count {spec.status} ({parts})" if parts else f"Rule {spec.status}"
    return f"{how}, as of {spec.date}."
