"""A spec beside the real classes of its checkpoint: parameters, tokens, cache, FLOPs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from vlcalc.audit.real_class import (
    RealModel,
    RealProcessor,
    first_line,
    load_real_model,
    load_real_processor,
)
from vlcalc.audit.real_components import COMPONENTS
from vlcalc.core.errors import InputError, RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.cost.components import components
from vlcalc.inference.blocks.block import Phase
from vlcalc.inference.blocks.phases import phase_passes
from vlcalc.inference.costs import phase_cost
from vlcalc.inference.load import Load
from vlcalc.inference.plan import Plan, make_plan
from vlcalc.report.table import Column, Table
from vlcalc.spec.schema import ModelSpec

NUM_SIZES = 200
MAX_SIDE_PX = 1600
MAX_RATIO = 20  # a crop after a resize of the short side makes thinner images huge
LENGTH = 617  # positions of the prompt: no power of two, over the windows of small models
IMAGE_PHASES: tuple[Phase, ...] = ("encode", "fuse")
COLUMNS = (
    Column("model", "model", "text"),
    Column("quantity", "quantity", "text"),
    Column("ours", "vlcalc"),
    Column("theirs", "transformers"),
    Column("verdict", "verdict", "text"),
)


class RealComparison(NamedTuple):
    """One count beside the real class's; None where it could not be compared.

    Attributes:
        note: why it could not be, or where the two part.
    """

    model: str
    quantity: str
    ours: int | None
    theirs: int | None
    note: str = ""

    @property
    def differs(self) -> bool:
        """Whether both counts are known and are not the same."""
        return None not in (self.ours, self.theirs) and (
            self.ours != self.theirs or bool(self.note)
        )

    @property
    def verdict(self) -> str:
        """`equal`, by how much ours is more, or why nothing was compared."""
        if self.ours is None or self.theirs is None:
            return f"not compared: {self.note}"
        if self.differs:
            return ", ".join(filter(None, (f"{self.ours - self.theirs:+,}", self.note)))
        return "equal"


def compare_with_real(
    spec: ModelSpec, source: str, *, num_sizes: int = NUM_SIZES
) -> Iterator[RealComparison]:
    """Yield a spec's counts beside those of the real classes of a folder or id.

    Raises:
        InputError: transformers has no class for it.
    """
    model = load_real_model(source)
    yield from _parameters(spec, model)
    yield _tokens(spec, source, random_sizes(num_sizes))
    yield from _image_flops(spec, model)
    yield from _language(spec, model)


def _parameters(spec: ModelSpec, model: RealModel) -> Iterator[RealComparison]:
    ours, theirs = components(spec)._asdict(), model.params()
    for component in COMPONENTS:
        note = "" if ours[component] is not None else "its shape is not known"
        quantity = f"parameters: {component}"
        yield RealComparison(spec.name, quantity, ours[component], theirs[component], note)


def _tokens(spec: ModelSpec, source: str, sizes: Sequence[ImageSize]) -> RealComparison:
    """Compare the image tokens of all sizes; the sums are shown, and the first that parts."""
    quantity = f"image tokens of {len(sizes)} sizes"
    try:
        processor = load_real_processor(source)
        counts = [(size, _own_tokens(spec, size), _real_tokens(processor, size)) for size in sizes]
    except InputError as error:
        return RealComparison(spec.name, quantity, None, None, error.got)
    parted = [(size, ours, theirs) for size, ours, theirs in counts if ours != theirs]
    note = ""
    if parted:
        size, ours, theirs = parted[0]
        note = f"{len(parted)} sizes differ, such as {size}: {ours} and {theirs}"
    own_sum, real_sum = (
        sum(own or 0 for _, own, _ in counts),
        sum(real or 0 for _, _, real in counts),
    )
    return RealComparison(spec.name, quantity, own_sum, real_sum, note)


def _own_tokens(spec: ModelSpec, size: ImageSize) -> int | None:
    """Return the image tokens of a size; None where the rule refuses it."""
    try:
        return spec.tiling.tile(size).image_tokens
    except RefusedError:
        return None


def _real_tokens(processor: RealProcessor, size: ImageSize) -> int | None:
    try:
        return processor.count(size)
    except (ValueError, ZeroDivisionError):
        return None
    except Exception as error:
        raise InputError(expected="a count", got=first_line(error)) from None


def _image_flops(spec: ModelSpec, model: RealModel) -> Iterator[RealComparison]:
    """Yield FLOPs of encode and fuse, on one image as large as the encoder's own square."""
    names = ("FLOPs: encode", "FLOPs: fuse")
    try:
        ours, theirs = _both_image_flops(spec, model)
    except Exception as error:
        note = error.got if isinstance(error, InputError) else first_line(error)
        yield from (RealComparison(spec.name, name, None, None, note) for name in names)
        return
    for name, own, other in zip(names, ours, theirs, strict=True):
        yield RealComparison(spec.name, name, own, other)


def _both_image_flops(
    spec: ModelSpec, model: RealModel
) -> tuple[list[int | None], tuple[int, int]]:
    """Return the FLOPs of encode and fuse, ours and the class's; raises as the class does."""
    side = spec.vision.image_size if spec.vision and spec.vision.encoder else None
    if side is None or spec.tiling.kind not in ("fixed", "grid"):
        raise InputError(expected="a square", got="its encoder keeps an image's own shape")
    load = Load(image=ImageSize(side, side), text_tokens=1, output_tokens=1)
    plan = make_plan(spec, load)
    passes = phase_passes(plan)
    ours = [
        phase_cost(phase, passes[phase], None, load, traced=False).flops for phase in IMAGE_PHASES
    ]
    return ours, model.image_flops(*_squares(spec, plan))


def _squares(spec: ModelSpec, plan: Plan) -> tuple[int, int]:
    """Return how many squares the encoder runs on, and their side in pixels."""
    views = plan.budget.tiling.views
    side = views[0].columns * ((spec.vision and spec.vision.patch_size) or 1)
    return sum(view.number for view in views), side


def _language(spec: ModelSpec, model: RealModel) -> Iterator[RealComparison]:
    """Yield cache and FLOPs of a decoder, its layers and its head, on a prompt of vectors."""
    at = f"at {LENGTH} positions"
    names = (f"cache bytes {at}", f"FLOPs: prefill {at}", "FLOPs: one decoded token")
    decoder = spec.language.decoder
    try:
        real = model.language(LENGTH)
    except Exception as error:
        note = error.got if isinstance(error, InputError) else first_line(error)
        yield from (RealComparison(spec.name, name, None, None, note) for name in names)
        return
    if decoder is None:
        note = "its shape is not known"
        yield from (RealComparison(spec.name, name, None, None, note) for name in names)
        return
    prefill = decoder.prefill_flops(LENGTH, logits="last")
    decoded = decoder.decode_flops(LENGTH + 1, absorbed=False)
    cached = decoder.kv_cache_bytes(LENGTH, dtype_bytes=2)
    theirs = (
        real.cache_bytes,
        real.prefill_flops + real.head_flops,
        real.decode_flops + real.head_flops,
    )
    for name, own, other in zip(names, (cached, prefill, decoded), theirs, strict=True):
        yield RealComparison(spec.name, name, own, other)


def random_sizes(number: int) -> list[ImageSize]:
    """Return sizes with sides of 1 to 1,600 pixels, the same ones every time."""
    dice, sizes = Random(number), list[ImageSize]()
    while len(sizes) < number:
        width, height = (round(math.exp(dice.uniform(0, math.log(MAX_SIDE_PX)))) for _ in "wh")
        if max(width, height) <= MAX_RATIO * min(width, height):
            sizes.append(ImageSize(width, height))
    return sizes


def reference_table(comparisons: Sequence[RealComparison]) -> Table:
    """Return a row for each count."""
    rows = [(row.model, row.quantity, row.ours, row.theirs, row.verdict) for row in comparisons]
    return Table(COLUMNS, rows)
