"""What the benchmark on a GPU keeps: parts that end in minutes, merged, and their errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from pydantic import PositiveFloat, PositiveInt

from vlcalc.runs.accuracy import Accuracy, overall
from vlcalc.runs.run import Measured, Run
from vlcalc.spec.calibration import Calibration
from vlcalc.tiling.base import Frozen

# Of the peak memory, the median of absolute errors; of latency, their mean.
MAX_MEMORY_MEDIAN = 0.03
MAX_LATENCY_MAPE = 0.15

Each = TypeVar("Each")


class Part(Frozen):
    """Every `count`-th case, beginning with the one of this `number`.

    Attributes:
        run: its predictions are those of the calibrated device.
        listed_s: likewise by the peaks of the device's datasheet, one for each row.
        calibration: that the predictions are from.
    """

    number: PositiveInt
    count: PositiveInt
    run: Run
    listed_s: tuple[PositiveFloat | None, ...]
    calibration: Calibration

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"part_{self.number}_of_{self.count}_{slug(self.run)}.json"

    def numbered(self) -> list[tuple[int, Measured, float | None]]:
        """Return the rows with their places among all cases."""
        pairs = zip(self.run.rows, self.listed_s, strict=True)
        return [(self.number + at * self.count, *pair) for at, pair in enumerate(pairs)]


def slug(run: Run) -> str:
    """Return the device of a run as part of a file's name."""
    return "-".join(re.findall(r"[a-z0-9]+", run.environment.device_name.casefold()))


def share_of(cases: Sequence[Each], number: int, count: int) -> list[Each]:
    """Return the cases of a part."""
    return list(cases[number - 1 :: count])


def merge(parts: Sequence[Part]) -> Part:
    """Return all parts as one, their rows in the order of the cases.

    Raises:
        ValueError: parts are missing, come twice, or are of several devices or versions of torch.
    """
    first = min(parts, key=lambda part: part.number)
    numbers = sorted(part.number for part in parts)
    if numbers != list(range(1, first.count + 1)) or len({part.count for part in parts}) > 1:
        raise ValueError(f"expected every part of {first.count} once, got {numbers}")
    found = {(part.run.environment.device_name, part.run.environment.torch) for part in parts}
    if len(found) > 1:
        raise ValueError(f"expected parts of one device and torch, got {sorted(found)}")
    rows = sorted((row for part in parts for row in part.numbered()), key=lambda row: row[0])
    run = Run(
        environment=first.run.environment,
        interrupted=any(part.run.interrupted for part in parts),
        rows=tuple(row for _, row, _ in rows),
    )
    return Part(
        number=1,
        count=1,
        run=run,
        listed_s=tuple(listed_s for *_, listed_s in rows),
        calibration=first.calibration,
    )


class Summary(NamedTuple):
    """How far predictions are off; None where no row has both a prediction and a measurement."""

    num_rows: int
    num_timed: int
    memory: Accuracy | None
    latency: Accuracy | None
    listed: Accuracy | None

    @property
    def kept(self) -> bool:
        """Whether both limits are kept."""
        if self.memory is None or self.latency is None:
            return False
        return self.memory.median <= MAX_MEMORY_MEDIAN and self.latency.mape <= MAX_LATENCY_MAPE

    @property
    def text(self) -> str:
        """The same for people."""
        named = {
            f"calibrated (MAPE at most {MAX_LATENCY_MAPE:.0%})": self.latency,
            "datasheet": self.listed,
            f"at most {MAX_MEMORY_MEDIAN:.0%} in the median": self.memory,
        }
        lines = [f"{self.num_timed} of {self.num_rows} cases timed"]
        lines += [f"{name}: {each.sentence if each else 'nothing'}" for name, each in named.items()]
        return "\n".join([*lines, "kept" if self.kept else "BROKEN"])


def worst(run: Run, number: int = 10) -> list[str]:
    """Return the cases whose latency is predicted worst, a line each."""
    pairs = [(row.latency_error, row) for row in run.rows if row.latency_error is not None]
    pairs.sort(key=lambda pair: -abs(pair[0]))
    return [
        f"{error:+8.1%} {row.target}, image {row.conditions.image or row.conditions.tokens_in}, "
        f"batch {row.conditions.batch_size}, {(row.median_s or 0) * 1e6:,.0f} us"
        for error, row in pairs[:number]
    ]


def summary(run: Run, listed_s: Sequence[float | None] = ()) -> Summary:
    """Return how far the predictions of a run are off, and those of a datasheet for its rows."""
    by_quantity = {each.quantity: each for each in overall(run.rows)}
    listed = [
        row.model_copy(update={"predicted_s": seconds})
        for row, seconds in zip(run.rows, listed_s, strict=bool(listed_s))
    ]
    return Summary(
        num_rows=len(run.rows),
        num_timed=sum(row.median_s is not None for row in run.rows),
        memory=by_quantity.get("peak memory"),
        latency=by_quantity.get("latency"),
        listed={each.quantity: each for each in overall(listed)}.get("latency"),
    )
