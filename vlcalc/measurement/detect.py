"""What devices this machine has, as torch and the operating system report them."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vlcalc.core.install import install_hint
from vlcalc.report.table import Column, Table
from vlcalc.spec.device import SHORT_DTYPES
from vlcalc.spec.device_tables import marked
from vlcalc.spec.devices import known_devices
from vlcalc.spec.reported_names import Match, match_reported

CPU_INFO = Path("/proc/cpuinfo")
PEAKS = ("float32", "tfloat32", "bfloat16", "float16", "float8", "int8")
PATIENCE_S = 10
COLUMNS = (
    Column("device", "device", "text"),
    Column("reported_as", "reported as", "text"),
    Column("memory_bytes", "memory", "bytes", 8),
    Column("detail", "detail", "text", 5),
    Column("name", "in the list", "text"),
    Column("bandwidth_bytes_per_s", "bandwidth", "bytes_per_s", 7),
    *(
        Column(f"{dtype}_flops_per_s", f"{SHORT_DTYPES[dtype]} TFLOP/s", "tera", 6)
        for dtype in PEAKS
    ),
    Column("calibrated", "calibrated", "text", 6),
)
UNKNOWN = "unknown: measure it with `vlcalc devices calibrate`"


@dataclass(frozen=True, slots=True)
class Detected:
    """One device of this machine.

    Attributes:
        device: what torch calls it: `cuda:0`, `mps`, `cpu`.
        name: what its driver or the operating system calls it.
        memory_bytes: all that it has; None when not known.
        detail: compute capability, or number of cores.
        match: which device of the list it is.
    """

    device: str
    name: str
    memory_bytes: int | None
    detail: str
    match: Match


def detect() -> list[Detected]:
    """Return the devices of this machine: CUDA (or ROCm), MPS, CPU; without torch only the CPU."""
    known = known_devices()
    return [
        Detected(device, name, memory, detail, match_reported(name, memory, known))
        for device, name, memory, detail in _reported()
    ]


def _reported() -> Iterator[tuple[str, str, int | None, str]]:
    if has_torch():
        yield from _accelerators()
    cores = f"{num_cores()} cores" if num_cores() > 1 else "1 core"
    yield "cpu", cpu_name(), main_memory_bytes(), cores


def has_torch() -> bool:
    """Tell whether torch is installed."""
    return find_spec("torch") is not None


def _accelerators() -> Iterator[tuple[str, str, int | None, str]]:
    import torch

    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(index)
        capability = f"compute capability {properties.major}.{properties.minor}"
        yield f"cuda:{index}", properties.name, properties.total_memory, capability
    if torch.backends.mps.is_available():
        cores = _apple_cores()
        chip = f"{cpu_name()} ({cores} GPU cores)" if cores else cpu_name()
        yield "mps", chip, main_memory_bytes(), "Metal"


def cpu_name() -> str:
    """Return the processor's name, as exactly as the operating system gives it."""
    with contextlib.suppress(OSError):
        for line in CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    brand = _output_of("sysctl", "-n", "machdep.cpu.brand_string") if _is_mac() else ""
    return brand.strip() or platform.processor() or platform.machine() or "unknown CPU"


def num_cores() -> int:
    """Return how many logical cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main_memory_bytes() -> int | None:
    """Return the memory of this machine; None where the operating system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _is_mac() -> bool:
    return sys.platform == "darwin"


def _apple_cores() -> int | None:
    """Return the number of GPU cores of a Mac; chips of one name differ in it."""
    text = _output_of("system_profiler", "SPDisplaysDataType", "-json")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        for display in json.loads(text)["SPDisplaysDataType"]:
            if "sppci_cores" in display:
                return int(display["sppci_cores"])
    return None


def _output_of(*command: str) -> str:
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=PATIENCE_S
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return ran.stdout


def detected_table(devices: Sequence[Detected]) -> Table:
    """Return a row for each device of this machine, with the peaks where it is a known one."""
    notes = []
    if not has_torch():
        notes.append(f"torch is missing, so only the CPU is seen: {install_hint()}.")
    notes += [
        f"{each.device} may be {' or '.join(each.match.candidates)}; its peaks are not taken."
        for each in devices
        if each.match.candidates and each.device != "cpu"  # a CPU has one per number of threads
    ]
    return Table(COLUMNS, [_row(each) for each in devices], notes=tuple(notes))


def _row(device: Detected) -> tuple[Any, ...]:
    spec = device.match.device
    head = (device.device, device.name, device.memory_bytes, device.detail)
    if spec is None:
        name = " or ".join(device.match.candidates) or UNKNOWN
        return *head, name, None, *(None for _ in PEAKS), None
    return (
        *head,
        spec.name,
        marked(spec, "bandwidth_bytes_per_s", spec.bandwidth_bytes_per_s),
        *(marked(spec, dtype, spec.peak(dtype)) for dtype in PEAKS),
        spec.calibration.date if spec.calibration else None,
    )
