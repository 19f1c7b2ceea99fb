"""How far predictions are off what was measured: by target and overall."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from vlcalc.core.units import format_share
from vlcalc.runs.run import Measured


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How far predictions are off, over some rows.

    Attributes:
        mape: mean of the absolute errors.
        median: of the absolute errors.
        bias: mean of the signed errors.
    """

    quantity: str
    target: str
    num_cases: int
    mape: float
    median: float
    bias: float

    @property
    def sentence(self) -> str:
        """The same in words."""
        return (
            f"{self.quantity}: mean absolute error {format_share(self.mape)}, median "
            f"{format_share(self.median)}, bias {format_share(self.bias)}, "
            f"{self.num_cases} cases."
        )


QUANTITIES: dict[str, Callable[[Measured], float | None]] = {
    "latency": lambda row: row.latency_error,
    "peak memory": lambda row: row.memory_error,
    "activations": lambda row: row.activation_error,
}


def overall(rows: Iterable[Measured]) -> Iterator[Accuracy]:
    """Yield the accuracy of each quantity over all rows that have it predicted and measured."""
    rows = list(rows)
    for quantity, error_of in QUANTITIES.items():
        errors = [error for row in rows if (error := error_of(row)) is not None]
        if errors:
            yield _accuracy(quantity, "all", errors)


def by_target(rows: Sequence[Measured]) -> Iterator[Accuracy]:
    """Yield the accuracy of each quantity for each target."""
    for quantity, error_of in QUANTITIES.items():
        for target in dict.fromkeys(row.target for row in rows):
            chosen = [error_of(row) for row in rows if row.target == target]
            errors = [error for error in chosen if error is not None]
            if errors:
                yield _accuracy(quantity, target, errors)


def _accuracy(quantity: str, target: str, errors: Sequence[float]) -> Accuracy:
    sizes = [abs(error) for error in errors]
    return Accuracy(quantity, target, len(errors), fmean(sizes), median(sizes), fmean(errors))
