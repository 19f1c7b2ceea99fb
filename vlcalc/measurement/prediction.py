"""What a case should take on the device that it is timed on."""

from __future__ import annotations

from functools import cache

import torch

from vlcalc.cost.memory import dtype_named
from vlcalc.cost.roofline import predict_operators
from vlcalc.cost.trace import Trace
from vlcalc.measurement.clocks import CLOCKS
from vlcalc.spec.device import DeviceSpec

# Of a product that tells roughly how fast a device without a known peak is.
PROBE_SIDE = 1024


class Predictor:
    """Predicts on one device: with the peaks or the calibration of its file, where there is one.

    Attributes:
        spec: the device's file; None where it is not known.
    """

    def __init__(
        self, device: str, spec: DeviceSpec | None = None, *, attention: str | None = None
    ) -> None:
        self.spec = spec
        self._device = device
        self._asked = attention

    def attention(self, dtype: str) -> str:
        """Return the backend that attention runs on, by the name that the trace has for it.

        Source: pytorch aten/src/ATen/native/transformers/cuda/sdp_utils.cpp: flash takes 16 bits
        alone, so that float32 goes to the efficient kernel.
        """
        if self._device == "cuda":
            chosen = self._asked or "flash"
            chosen = "flash" if chosen == "cudnn" else chosen
            return "efficient" if chosen == "flash" and dtype == "float32" else chosen
        return "cpu" if self._device == "cpu" and self._asked != "math" else "math"

    def latency(self, trace: Trace, dtype: str) -> tuple[float | None, str | None]:
        """Return the seconds of a forward pass and where their rates are from; None: unknown."""
        if self.spec is None:
            return None, None
        predicted = predict_operators(trace.operators, self.spec, dtype=dtype, alone=True)
        return (predicted.latency_s, predicted.source) if predicted.latency_s else (None, None)

    def peak_flops_per_s(self, dtype: str) -> float | None:
        """Return the listed peak of a dtype, else the best that was measured; None: unknown."""
        if self.spec is None:
            return None
        measured = self.spec.calibration.flops_per_s if self.spec.calibration else {}
        return self.spec.peak(dtype) or measured.get(dtype)

    @property
    def peak_bytes_per_s(self) -> float | None:
        """The listed bandwidth, else the best that was measured; None where it is not known."""
        if self.spec is None:
            return None
        calibration = self.spec.calibration
        measured = calibration.bandwidth_bytes_per_s if calibration else None
        return self.spec.bandwidth_bytes_per_s or measured

    def rough_s(self, flops: int, dtype: str) -> float:
        """Return about how long so many FLOPs take, from a matrix product that is timed once."""
        return flops / _probed_flops_per_s(self._device, dtype, torch.get_num_threads())


@cache
def _probed_flops_per_s(device: str, dtype: str, threads: int) -> float:
    """Return the rate of a product; the number of threads is part of what it depends on."""
    del threads
    clock = CLOCKS[device]()
    square = torch.randn(PROBE_SIDE, PROBE_SIDE, device=device).to(dtype_named(dtype))
    seconds = min(clock.seconds(lambda: square @ square) for _ in range(5))
    return 2 * PROBE_SIDE**3 / max(seconds, 1e-9)
