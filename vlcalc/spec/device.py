"""What an accelerator is: dense peaks, bandwidth, memory, links, and where the figures are from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from vlcalc.core.bounds import Amount, Rate
from vlcalc.core.errors import InputError
from vlcalc.spec.calibration import Calibration
from vlcalc.spec.name import Name
from vlcalc.tiling.base import Frozen

# What people call them, in the order in which they are shown.
SHORT_DTYPES = {
    "float64": "fp64",
    "float32": "fp32",
    "tfloat32": "tf32",
    "bfloat16": "bf16",
    "float16": "fp16",
    "float8": "fp8",
    "float6": "fp6",
    "float4": "fp4",
    "int8": "int8",
    "int4": "int4",
}


def _known_dtype(name: str) -> str:
    if name not in SHORT_DTYPES:
        raise PydanticCustomError(
            "dtype", "expected one of {known}", {"known": ", ".join(f"`{d}`" for d in SHORT_DTYPES)}
        )
    return name


PeakDtype = Annotated[
    str,
    AfterValidator(_known_dtype),
    WithJsonSchema({"type": "string", "enum": list(SHORT_DTYPES)}),
]


class Interconnect(Frozen):
    """What joins devices of one kind; `none` is the name where nothing does.

    Attributes:
        bytes_per_s: both directions of one device together; None when not known.
    """

    name: str
    bytes_per_s: Rate | None = None


class Efficiency(Frozen):
    """The shares of a peak that a prediction counts on where nothing was measured.

    Attributes:
        flops: of the peak of matrix products.
        bandwidth: of the peak of memory; links likewise.
        operator_s: seconds that every operator takes besides.
    """

    flops: float = Field(default=0.8, gt=0, le=1)
    bandwidth: float = Field(default=0.8, gt=0, le=1)
    operator_s: float = Field(default=3e-6, ge=0, le=3600)


class DeviceSpec(Frozen):
    """One accelerator, or a machine that was measured; None and a missing peak are unknown.

    Peaks are dense (no 2:4 sparsity), 2 operations per multiply-accumulate, accumulated in
    float32. `float32` is what torch runs unless `torch.backends.cuda.matmul.allow_tf32` is set;
    what it runs then is `tfloat32`.

    Attributes:
        name: its own name, the stem of its file.
        reported_as: names that its driver gives it, e.g. through `torch.cuda.get_device_name`.
        segment: the market that it is sold to.
        unified_memory: whether the CPU's memory is its own.
        memory_bytes: what one device holds: the gigabytes it is sold by, as 10^9 bytes. Cards of
            `80 GB` report some 5 % more, of which the driver takes a part.
        bandwidth_bytes_per_s: peak of its memory.
        flops_per_s: dense peak by dtype: of matrix units, for `float32` and `float64` of vector
            units.
        other_flops_per_s: dense peaks of other units or accumulators of the same device, which no
            prediction uses.
        unsupported: dtypes that it has no units for.
        unverified: keys of figures that have a weak source: dtypes, or keys of this file.
        calibration: what was measured on it, in place of the peaks.
    """

    name: Name
    title: str = ""
    aliases: tuple[str, ...] = ()
    reported_as: tuple[str, ...] = ()
    vendor: str = ""
    kind: Literal["gpu", "tpu", "apple", "edge", "cpu"]
    segment: Literal["datacenter", "workstation", "consumer", "personal", "edge"] | None = None
    unified_memory: bool = False
    memory_bytes: Amount | None = None
    bandwidth_bytes_per_s: Rate | None = None
    interconnect: Interconnect | None = None
    flops_per_s: dict[PeakDtype, Rate] = Field(default_factory=dict)
    other_flops_per_s: dict[str, Rate] = Field(default_factory=dict)
    unsupported: tuple[PeakDtype, ...] = ()
    efficiency: Efficiency = Efficiency()
    calibration: Calibration | None = None
    unverified: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> DeviceSpec:
        both = sorted(set(self.unsupported) & set(self.flops_per_s))
        if both:
            raise PydanticCustomError(
                "both",
                "expected no peak of the `unsupported` dtype {dtype}",
                {"dtype": f"`{both[0]}`"},
            )
        figures = {*self.flops_per_s, *self.other_flops_per_s}
        figures |= {"memory_bytes", "bandwidth_bytes_per_s", "interconnect"}
        unknown = [key for key in self.unverified if key not in figures]
        if unknown:
            raise PydanticCustomError(
                "unverified",
                "expected `unverified` to name figures of this file, not {key}",
                {"key": f"`{unknown[0]}`"},
            )
        return self

    def peak(self, dtype: str) -> float | None:
        """Return the dense peak of a dtype in FLOP/s; None when not known."""
        return self.flops_per_s.get(dtype)

    def require_peak(self, dtype: str, *, where: str = "") -> float:
        """Return the dense peak of a dtype in FLOP/s.

        Raises:
            InputError: it is not known, or the device has no units for the dtype.
        """
        peak = self.peak(dtype)
        if peak is not None:
            return peak
        why = "no units for it" if dtype in self.unsupported else "no such peak"
        known = ", ".join(f"`{key}`" for key in self.flops_per_s) or "no peak at all"
        raise InputError(
            expected=f"a device whose peak in `{dtype}` is known",
            got=f"`{self.name}`, which has {why}",
            where=where,
            hint=f"it knows {known}",
        )

    def ridge(self, dtype: str) -> float | None:
        """Return the FLOPs per byte from which the peak binds, not bandwidth; None: unknown."""
        peak = self.peak(dtype)
        if peak is None or self.bandwidth_bytes_per_s is None:
            return None
        return peak / self.bandwidth_bytes_per_s
