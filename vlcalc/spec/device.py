"""What an accelerator is: dense peaks, bandwidth, memory, links, and where the figures are from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from vlcalc.spec.calibration import Calibration
from vlcalc.spec.schema import Name
from vlcalc.tiling.base import Frozen


class Interconnect(Frozen):
    """What joins devices of one kind.

    Attributes:
        bytes_per_s: both directions of one device together; None when not known.
    """

    name: str
    bytes_per_s: PositiveFloat | None = None


class Efficiency(Frozen):
    """The shares of a peak that a prediction counts on where nothing was measured.

    Attributes:
        flops: of the peak of matrix products.
        bandwidth: of the peak of memory; links likewise.
        operator_s: seconds that every operator takes besides.
    """

    flops: float = Field(default=0.8, gt=0, le=1)
    bandwidth: float = Field(default=0.8, gt=0, le=1)
    operator_s: float = Field(default=3e-6, ge=0)


class DeviceSpec(Frozen):
    """One accelerator, or a machine that was measured; None and a missing peak are unknown.

    Attributes:
        name: its own name, the stem of its file.
        memory_bytes: what one device holds.
        bandwidth_bytes_per_s: peak of its memory.
        flops_per_s: dense peak of matrix products by dtype (`float32`, `tfloat32`, `bfloat16`,
            `float16`, `float8`, `int8`, `int4`, `float4`), 2 operations per multiply-accumulate.
        unverified: keys whose figure has a weak source.
        calibration: what was measured on it, in place of the peaks.
    """

    name: Name
    title: str = ""
    aliases: tuple[str, ...] = ()
    vendor: str = ""
    kind: Literal["gpu", "tpu", "apple", "edge", "cpu"]
    memory_bytes: PositiveInt | None = None
    bandwidth_bytes_per_s: PositiveFloat | None = None
    interconnect: Interconnect | None = None
    flops_per_s: dict[str, PositiveFloat] = {}
    efficiency: Efficiency = Efficiency()
    calibration: Calibration | None = None
    unverified: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
