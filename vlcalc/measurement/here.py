"""The device of this machine that predictions are for: as it was measured, else as it is listed."""

from __future__ import annotations

import re
from typing import Literal

from vlcalc.core.errors import InputError
from vlcalc.core.files import is_file
from vlcalc.measurement.detect import Detected, detect
from vlcalc.spec.calibration import Calibration
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.devices import load_device, user_file

KINDS: dict[str, Literal["gpu", "apple", "cpu"]] = {"cuda": "gpu", "mps": "apple", "cpu": "cpu"}


def device_here(device: str, threads: int) -> DeviceSpec | None:
    """Return what is known of a device of this machine; None where that is nothing.

    Args:
        device: `cuda`, `mps` or `cpu`; of several cards the first.
        threads: of the CPU, on which its rates depend.

    Raises:
        InputError: there is no such device, or the file of its calibration cannot be read.
        SpecError: that file is not valid.
    """
    machine = detected(device)
    name = own_name(machine, threads)
    return load_device(name) if is_file(user_file(name)) else machine.match.device


def detected(device: str) -> Detected:
    """Return the first device of this machine that torch calls so.

    Raises:
        InputError: there is none.
    """
    here = detect()
    for each in here:
        if each.device.split(":")[0] == device:
            return each
    names = ", ".join(f"`{each.device}`" for each in here)
    raise InputError(expected="a device of this machine", got=f"`{device}`", hint=f"here: {names}")


def own_name(machine: Detected, threads: int) -> str:
    """Return the name under which a device of this machine is kept once it is calibrated.

    A card of the list keeps its name there; a CPU has one for each number of threads.
    """
    if machine.device != "cpu":
        return machine.match.device.name if machine.match.device else _slug(machine.name)
    return f"{_slug(machine.name)}-{threads}-thread{'s' if threads > 1 else ''}"


def with_calibration(machine: Detected, threads: int, calibration: Calibration) -> DeviceSpec:
    """Return a device of this machine with what was measured of it."""
    known = machine.match.device
    if machine.device != "cpu" and known is not None:
        return known.model_copy(update={"calibration": calibration})
    counted = "1 thread" if threads == 1 else f"{threads} threads"
    return DeviceSpec(
        name=own_name(machine, threads),
        title=f"{machine.name}, {counted}" if machine.device == "cpu" else machine.name,
        reported_as=(machine.name,),
        kind=KINDS[machine.device.split(":")[0]],
        unified_memory=machine.device == "mps",
        memory_bytes=machine.memory_bytes,
        bandwidth_bytes_per_s=calibration.bandwidth_bytes_per_s,
        flops_per_s=calibration.flops_per_s,
        calibration=calibration,
        notes=("Its peaks are the highest rates that were measured.",),
    )


def _slug(name: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", name.casefold())) or "device"
