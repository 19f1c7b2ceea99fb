"""`vlcalc.devices`, `calibrate`: what accelerators there are, and measuring this machine's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from vlcalc.api import defaults
from vlcalc.api.argument import Argument
from vlcalc.api.arguments import require_torch
from vlcalc.core.bounds import check_threads
from vlcalc.core.units import parse_memory
from vlcalc.report.report import Report
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.device_tables import device_figures, device_list, parse_peak_dtype
from vlcalc.spec.devices import load_device

if TYPE_CHECKING:
    from vlcalc.measurement.detect import Detected


def devices(
    *, vendor: str | None = None, dtype: str | None = None, min_memory: str | None = None
) -> Report:
    """Return a row for each known device: memory, bandwidth, dense peaks by dtype, ridge.

    Args:
        vendor: only devices of this vendor.
        dtype: only devices whose peak in this dtype is known, and only that peak.
        min_memory: only devices that hold this: `80GB`, `24GiB`.

    Raises:
        InputError: there is no such vendor or dtype, or the size cannot be read.
    """
    table = device_list(
        vendor=vendor,
        dtype=None if dtype is None else parse_peak_dtype(dtype, where=Argument("dtype")),
        min_memory_bytes=0
        if min_memory is None
        else parse_memory(min_memory, where=Argument("min_memory")),
    )
    return Report(tables=[table])


def describe_device(name: str) -> Report:
    """Return all that is known of a device, with notes and sources; raises as `load_device`."""
    return Report(tables=[device_figures(load_device(name))])


def detect_devices() -> Report:
    """Return what this machine has: CUDA devices, MPS, CPU, and which of the list they are."""
    from vlcalc.measurement.detect import detect, detected_table

    return Report(tables=[detected_table(detect())])


class CalibrationTarget(NamedTuple):
    """The device of this machine that a calibration is of.

    Attributes:
        reported_name: what the device calls itself.
        name: what it is kept under.
    """

    reported_name: str
    name: str


def calibration_target(
    device: str = defaults.DEVICE, *, threads: int | None = None
) -> CalibrationTarget:
    """Return what `calibrate` would measure; raises as it does."""
    from vlcalc.measurement.here import own_name

    detected, num_threads = _here(device, threads)
    return CalibrationTarget(detected.name, own_name(detected, num_threads))


def calibrate(
    device: str = defaults.DEVICE,
    *,
    threads: int | None = None,
    on_step: Callable[[int, int, str], None] | None = None,
) -> DeviceSpec:
    """Measure a device of this machine, in under a minute, and return it with what was measured.

    Args:
        device: `auto` (CUDA, then MPS, then the CPU), `cpu`, `cuda` or `mps`.
        threads: of the CPU; as many as torch takes by default.
        on_step: called with number, total and name of each benchmark that begins.

    Raises:
        InputError: torch or the device is missing.
    """
    from vlcalc.measurement.calibrate import measure_rates
    from vlcalc.measurement.here import with_calibration

    detected, num_threads = _here(device, threads)
    calibration = measure_rates(detected.device.split(":")[0], on_progress=on_step)
    return with_calibration(detected, num_threads, calibration)


def _here(device: str, threads: int | None) -> tuple[Detected, int]:
    """Return the device of this machine that is meant, and the threads that torch has now."""
    require_torch("measures devices")
    import torch

    from vlcalc.measurement.environment import available_device
    from vlcalc.measurement.here import detected

    chosen = available_device(device)
    check_threads(threads)
    if threads is not None:
        torch.set_num_threads(threads)
    return detected(chosen), torch.get_num_threads()
