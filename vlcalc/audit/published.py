"""Each published figure of a spec beside ours: equal, rounded, explained, or different."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from vlcalc.audit.conventions import CONVENTIONS, convention_of, lengths_that_give
from vlcalc.audit.figures import METRICS, Audited, figure
from vlcalc.audit.precision import Number, same_as_printed
from vlcalc.backbones.decoder import Decoder
from vlcalc.core.errors import InputError
from vlcalc.core.units import format_count, format_flops
from vlcalc.spec import catalogue
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.loader import build_any, build_entry, load_any, validate
from vlcalc.spec.schema import FusionSpec, ModelSpec, Published

FigureVerdict = Literal["equal", "within rounding", "explained", "different", "not recomputed"]
VERDICTS: tuple[FigureVerdict, ...] = get_args(FigureVerdict)
FLOPS_METRIC = "prefill_flops"
KINDS = ("model", "fusion", "api")
PREFIX = "fusion:"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedFigure:
    """One published figure, ours, and what became of it.

    Attributes:
        spec: the spec that it stands in; `fusion:NAME` of a fusion preset.
        published: what was printed, with its metric and source.
        part: what is counted.
        ours: what we compute; None where we cannot.
        by_convention: what the convention that it was printed by gives; None without one.
        why: why it differs, or why it is not recomputed.
    """

    spec: str
    published: Published
    part: str
    ours: int | None
    by_convention: int | None = None
    why: str = ""

    @property
    def verdict(self) -> FigureVerdict:
        """Whether it is ours, ours to its precision, that of its convention, or another figure."""
        if self.ours is None:
            return "not recomputed"
        if self.published.value == self.ours:
            return "equal"
        rounded = self.published.metric.endswith("_rounded") or self.published.convention
        if rounded and same_as_printed(self.ours, self.published.value):
            return "within rounding"
        theirs = self.by_convention
        explained = theirs is not None and same_as_printed(theirs, self.published.value)
        return "explained" if explained else "different"

    @property
    def difference(self) -> Number | None:
        """What was printed less ours."""
        return None if self.ours is None else self.published.value - self.ours

    @property
    def share(self) -> float | None:
        """That difference as a share of ours."""
        return self.difference / self.ours if self.difference is not None and self.ours else None

    @property
    def is_flops(self) -> bool:
        """Whether operations are counted, not parameters."""
        return self.published.metric == FLOPS_METRIC


def audited_figures(name: str) -> list[PublishedFigure]:
    """Return the published figures of one spec, or of the whole catalogue for `all`.

    Args:
        name: a model, a fusion preset, the path of a YAML file, or `all`.

    Raises:
        InputError: nothing answers to the name; the nearest is suggested.
        SpecError: the spec is not valid.
    """
    if name == "all":
        return [figure for spec in all_specs() for figure in figures_of(spec)]
    return figures_of(_spec_named(name))


def all_specs() -> Iterator[Audited]:
    """Yield every model and fusion preset of the catalogue."""
    for entry in catalogue.entries("model"):
        spec = build_entry(entry)
        if isinstance(spec, ModelSpec):
            yield spec
    for entry in catalogue.entries("fusion"):
        yield validate(FusionSpec, catalogue.document_of(entry.path))


def figures_of(spec: Audited | ApiSpec) -> list[PublishedFigure]:
    """Return the published figures of a spec, each with its verdict; a hosted API has none."""
    if isinstance(spec, ApiSpec):
        return []
    return [_figure(spec, published) for published in spec.published]


def _spec_named(name: str) -> Audited | ApiSpec:
    """Return the spec of a name; a fusion preset alone where the name says that it is one."""
    kinds = ("fusion",) if name.startswith(PREFIX) else KINDS
    name = name.removeprefix(PREFIX)
    if catalogue.is_file_name(name):
        spec = load_any(name)
        if isinstance(spec, ModelSpec | FusionSpec):
            return spec
        raise InputError(
            expected="a model or a fusion preset, which have `published:` figures", got=f"`{name}`"
        )
    entry = catalogue.find(name, kinds)
    spec = build_any(catalogue.document_of(entry.path), entry.variant)
    assert isinstance(spec, ModelSpec | FusionSpec | ApiSpec)  # the kinds that were looked in
    return spec


def _label(spec: Audited) -> str:
    """Return a spec's name; a preset may have that of a model, so that its own says what it is."""
    return f"{PREFIX}{spec.name}" if isinstance(spec, FusionSpec) else spec.name


def _figure(spec: Audited, published: Published) -> PublishedFigure:
    if published.metric == FLOPS_METRIC:
        return _flops(spec, published)
    if published.metric not in METRICS:
        why = f"no metric is called `{published.metric}`"
        return PublishedFigure(spec=_label(spec), published=published, part="", ours=None, why=why)
    counted = _spec_named(published.of) if published.of else spec
    ours = None if isinstance(counted, ApiSpec) else figure(published.metric, counted)
    why = published.note or ("" if ours is not None else "its part is not modelled")
    return PublishedFigure(
        spec=_label(spec),
        published=published,
        part=METRICS[published.metric].part,
        ours=ours,
        why=why,
    )


def _flops(spec: Audited, published: Published) -> PublishedFigure:
    """Return a figure of FLOPs, computed by our convention and by the one that it names."""
    decoder = spec.language.decoder if isinstance(spec, ModelSpec) else None
    length = published.sequence_length
    if decoder is None or length is None:
        why = "FLOPs need a decoder and the `sequence_length` that they are of"
        return PublishedFigure(
            spec=_label(spec), published=published, part="prefill", ours=None, why=why
        )
    theirs = convention_of(published.convention)
    by_convention = theirs.flops(decoder, length)
    return PublishedFigure(
        spec=_label(spec),
        published=published,
        part=f"prefill of {format_count(length)} tokens",
        ours=CONVENTIONS["ours"].flops(decoder, length),
        by_convention=by_convention,
        why=_why_flops(decoder, published, by_convention),
    )


def _why_flops(decoder: Decoder, published: Published, by_convention: int) -> str:
    """Say which convention gives the printed figure, and at which length if not the stated one."""
    theirs = convention_of(published.convention)
    length = published.sequence_length or 0
    said = f"{theirs.what}: {format_flops(by_convention)}"
    if same_as_printed(by_convention, published.value):
        return _joined(said, published.note)
    off = published.value - by_convention
    amount = "too little" if off > 0 else "too much"
    said = f"{said}, {format_flops(abs(round(off)))} {amount}"
    lengths = lengths_that_give(theirs, decoder, published.value, length)
    if not lengths:
        return _joined(f"not explained: {said}", published.note)
    fitting = format_count(lengths[0])
    if len(lengths) > 1:
        fitting += f" to {format_count(lengths[-1])}"
    return _joined(f"{said}; the printed figure is that of {fitting} tokens", published.note)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
