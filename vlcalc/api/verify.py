"""`vlcalc.verify_model` and `vlcalc.verify_catalogue`: specs beside the classes of transformers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vlcalc.api.arguments import require_torch
from vlcalc.api.loads import model_of
from vlcalc.audit.reference import (
    NUM_SIZES,
    RealComparison,
    compare_with_real,
    reference_table,
)
from vlcalc.checkpoint.load import is_checkpoint
from vlcalc.core.errors import InputError
from vlcalc.report.report import Report
from vlcalc.spec import catalogue
from vlcalc.spec.loader import build_entry
from vlcalc.spec.schema import ModelSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """Counts beside those of real classes, a row each."""

    comparisons: Sequence[RealComparison]

    @property
    def differing(self) -> list[RealComparison]:
        """The counts that are not equal."""
        return [row for row in self.comparisons if row.differs]

    @property
    def num_compared(self) -> int:
        """How many counts both sides know."""
        return sum(row.theirs is not None and row.ours is not None for row in self.comparisons)

    def report(self) -> Report:
        """Return a row for each count."""
        return Report(tables=[reference_table(self.comparisons)])


def verify_model(source: str, *, num_sizes: int = NUM_SIZES) -> Verification:
    """Hold a model's spec against the classes of transformers; needs the extra `hf`.

    Args:
        source: a checkpoint's folder, its `config.json`, or a model of the catalogue that answers
            to an id on the Hub, whose configuration transformers then reads or fetches.
        num_sizes: image sizes whose tokens are compared.

    Raises:
        InputError: the extra is missing, nothing answers to the name, or transformers has no class
            for it.
        SpecError: a YAML file is not valid.
    """
    require_transformers()
    spec = model_of(source)
    real = _real_source(source, spec)
    return Verification(comparisons=list(compare_with_real(spec, real, num_sizes=num_sizes)))


def verify_catalogue(
    *, num_sizes: int = NUM_SIZES, on_step: Callable[[int, int, str], None] | None = None
) -> Verification:
    """Hold every model of the catalogue that answers to an id against its class.

    One whose configuration cannot be read, or that has no class, is a row that says so.

    Args:
        num_sizes: image sizes whose tokens are compared.
        on_step: is called with number, total and name of each model that begins.

    Raises:
        InputError: the extra `hf` is missing.
    """
    require_transformers()
    specs = [build_entry(entry) for entry in catalogue.entries("model")]
    named = [spec for spec in specs if isinstance(spec, ModelSpec) and _ids(spec)]
    comparisons: list[RealComparison] = []
    for number, spec in enumerate(named):
        if on_step:
            on_step(number, len(named), spec.name)
        comparisons += _compared(spec, num_sizes)
    return Verification(comparisons=comparisons)


def _compared(spec: ModelSpec, num_sizes: int) -> Iterator[RealComparison]:
    try:
        yield from compare_with_real(spec, _ids(spec)[0], num_sizes=num_sizes)
    except InputError as error:
        yield RealComparison(spec.name, "all", None, None, error.got)


def _ids(spec: ModelSpec) -> list[str]:
    return [alias for alias in spec.aliases if "/" in alias]


def _real_source(source: str, spec: ModelSpec) -> str:
    """Return the folder or id that the real classes are read from."""
    if is_checkpoint(source):
        return source.removesuffix("config.json") or "."
    if not _ids(spec):
        raise InputError(expected="a checkpoint, or a model that has an id", got=f"`{source}`")
    return source if source in _ids(spec) else _ids(spec)[0]


def require_transformers() -> None:
    """Refuse to compare where torch, fvcore or transformers is missing; raises InputError."""
    if importlib.util.find_spec("transformers") is None:
        from vlcalc.core.install import install_hint

        raise InputError(
            expected="the extra `vlcalc[hf]`, which has the real classes",
            got="no transformers",
            hint=install_hint("hf"),
        )
    require_torch("builds the real classes")
