"""What a run of `vlcalc bench` found, as a file keeps it: the machine, and a row a case.

A row that could not be timed keeps its reason. Values are base units: seconds, bytes, FLOPs.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

from vlcalc.tiling.base import Frozen

SCHEMA = 1
# Source: torch utils/benchmark/utils/common.py::Measurement, which warns above this.
NOISY_SHARE = 0.1


class Environment(Frozen):
    """What was timed on, and how.

    Attributes:
        device: `cpu`, `cuda` or `mps`.
        device_name: what it calls itself.
        driver: its driver's version; None where there is none or no one tells.
        clock_hz: of its cores when the run began; None where it cannot be read.
        threads: of torch on the CPU.
        attention: the backend that was asked for; None leaves it to torch.
        compiled: whether modules went through `torch.compile`.
        tf32: whether products of float32 ran in TF32.
        peaks: the device file that predictions and shares of the peak are for.
        date: when the run began, UTC.
    """

    device: Literal["cpu", "cuda", "mps"]
    device_name: str
    driver: str | None = None
    clock_hz: PositiveFloat | None = None
    torch: str
    vlcalc: str
    python: str
    threads: int
    dtypes: tuple[str, ...]
    attention: str | None = None
    compiled: bool = False
    tf32: bool = False
    peaks: str | None = None
    date: str

    @property
    def summary(self) -> str:
        """The machine in one line."""
        driver = f"driver {self.driver}" if self.driver else ""
        clock = f"{self.clock_hz / 1e6:,.0f} MHz" if self.clock_hz else ""
        threads = f"{self.threads} threads" if self.threads > 1 else "1 thread"
        parts = (
            self.device_name,
            driver,
            clock,
            f"torch {self.torch}",
            threads if self.device == "cpu" else "",
            f"attention {self.attention or 'as torch chooses'}",
            "compiled" if self.compiled else "",
            "TF32" if self.tf32 else "",
        )
        return ", ".join(part for part in parts if part)


class Conditions(Frozen):
    """What a case was timed on.

    Attributes:
        model: the model of a component; "" for a fusion method on an encoder and a language model.
        image: size of the image as it was asked for; "" where tiles were.
        columns: visual tokens across the grid of one encoder input.
        rows: visual tokens down that grid.
        num_views: encoder inputs of one image.
    """

    model: str = ""
    vision: str = ""
    language: str = ""
    image: str = ""
    columns: NonNegativeInt = 0
    rows: NonNegativeInt = 0
    num_views: NonNegativeInt = 1
    text_tokens: NonNegativeInt = 0
    batch_size: int = Field(default=1, ge=1)
    dtype: str

    @property
    def tokens_in(self) -> str:
        """The visual tokens of each encoder input: `5 x 24x24`."""
        grid = f"{self.columns}x{self.rows}"
        return f"{self.num_views} x {grid}" if self.num_views > 1 else grid


class Measured(Frozen):
    """One case: what was timed, what was predicted; None is not known.

    Attributes:
        target: name of the fusion method, or path of the component.
        flops: of one run, counted on meta.
        moved_bytes: what its operators read and write.
        median_s: of the timed blocks; likewise `iqr_s` between the quartiles and `min_s`.
        num_runs: calls that were timed.
        peak_activation_bytes: most bytes that a run had allocated at once.
        held_bytes: weights and one set of inputs.
        predicted_s: by the roofline on the device file.
        prediction: whether the rates of the prediction are the datasheet's or measured ones.
        predicted_activation_bytes: counted on meta.
        predicted_held_bytes: weights and inputs, counted on meta.
        peak_flops_per_s: dense peak of the device file in this dtype; likewise of bandwidth.
        error: why there is no time; "" where there is one.
    """

    target: str
    kind: Literal["method", "component"]
    conditions: Conditions
    flops: NonNegativeInt | None = None
    moved_bytes: NonNegativeInt | None = None
    median_s: PositiveFloat | None = None
    iqr_s: NonNegativeFloat | None = None
    min_s: PositiveFloat | None = None
    num_runs: NonNegativeInt = 0
    peak_activation_bytes: NonNegativeInt | None = None
    held_bytes: NonNegativeInt | None = None
    predicted_s: PositiveFloat | None = None
    prediction: str | None = None
    predicted_activation_bytes: NonNegativeInt | None = None
    predicted_held_bytes: NonNegativeInt | None = None
    peak_flops_per_s: PositiveFloat | None = None
    peak_bytes_per_s: PositiveFloat | None = None
    error: str = ""

    @property
    def noisy(self) -> bool:
        """Whether the quartiles lie further apart than a tenth of the median."""
        if self.median_s is None or self.iqr_s is None:
            return False
        return self.iqr_s > NOISY_SHARE * self.median_s

    @property
    def flops_per_s(self) -> float | None:
        """FLOPs that were done a second; None for what contracts nothing."""
        return self.flops / self.median_s if self.flops and self.median_s else None

    @property
    def bytes_per_s(self) -> float | None:
        """Bytes that its operators moved a second."""
        return self.moved_bytes / self.median_s if self.moved_bytes and self.median_s else None

    @property
    def flops_share(self) -> float | None:
        """Those FLOPs as a share of the device's peak: MFU."""
        return _ratio(self.flops_per_s, self.peak_flops_per_s)

    @property
    def bandwidth_share(self) -> float | None:
        """Those bytes as a share of the device's bandwidth; caches can lift it over 1."""
        return _ratio(self.bytes_per_s, self.peak_bytes_per_s)

    @property
    def images_per_s(self) -> float | None:
        """Images that went through a second."""
        return self.conditions.batch_size / self.median_s if self.median_s else None

    @property
    def peak_bytes(self) -> int | None:
        """Weights, inputs and activations at the worst moment."""
        return _sum(self.held_bytes, self.peak_activation_bytes)

    @property
    def predicted_bytes(self) -> int | None:
        """The same as predicted."""
        return _sum(self.predicted_held_bytes, self.predicted_activation_bytes)

    @property
    def latency_error(self) -> float | None:
        """Predicted over measured less 1: positive where the prediction is too long."""
        return _excess(self.predicted_s, self.median_s)

    @property
    def memory_error(self) -> float | None:
        """Predicted over measured less 1, of the whole peak."""
        return _excess(self.predicted_bytes, self.peak_bytes)

    @property
    def activation_error(self) -> float | None:
        """Predicted over measured less 1, of activations alone."""
        return _excess(self.predicted_activation_bytes, self.peak_activation_bytes)


class Run(Frozen):
    """All of a run.

    Attributes:
        interrupted: whether it was stopped before its last case.
    """

    schema_version: Literal[1] = 1
    environment: Environment
    interrupted: bool = False
    rows: tuple[Measured, ...] = ()


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def _excess(value: float | None, base: float | None) -> float | None:
    return value / base - 1 if value is not None and base else None


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
