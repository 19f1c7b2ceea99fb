"""The machine that is timed: names, versions, threads, clocks."""

from __future__ import annotations

import datetime
import platform
import subprocess
from collections.abc import Sequence
from typing import Literal

import torch

from vlcalc import __version__
from vlcalc.core.errors import InputError, near_miss
from vlcalc.measurement.clocks import in_tf32
from vlcalc.measurement.detect import CPU_INFO, cpu_name
from vlcalc.runs.run import Environment

Device = Literal["cpu", "cuda", "mps"]
CHOICES = ("auto", "cpu", "cuda", "mps")
DEFAULT_DTYPE = {"cuda": "bfloat16", "mps": "float32", "cpu": "float32"}


def available_device(name: str) -> Device:
    """Return the device of a name; `auto` is CUDA, then MPS, then the CPU.

    Raises:
        InputError: there is no such name, or no such device here.
    """
    here: dict[str, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name not in CHOICES:
        known = ", ".join(f"`{each}`" for each in CHOICES)
        raise InputError(
            expected=f"one of {known}",
            got=f"`{name}`",
            where="--device",
            hint=near_miss(name, CHOICES),
        )
    chosen = next(each for each in here if here[each]) if name == "auto" else name
    if not here[chosen]:
        there = ", ".join(f"`{each}`" for each in here if here[each])
        raise InputError(
            expected="a device that torch sees here",
            got=f"`{name}`",
            where="--device",
            hint=f"here: {there}; torch is {torch.__version__}",
        )
    return chosen  # type: ignore[return-value]


def environment(
    device: Device,
    *,
    dtypes: Sequence[str],
    attention: str | None = None,
    compiled: bool = False,
    peaks: str | None = None,
) -> Environment:
    """Return what is timed on, now."""
    driver, clock_hz = _gpu_facts() if device == "cuda" else (None, None)
    return Environment(
        device=device,
        device_name=device_name(device),
        driver=driver,
        clock_hz=_cpu_clock_hz() if device == "cpu" else clock_hz,
        torch=torch.__version__,
        vlcalc=__version__,
        python=platform.python_version(),
        threads=torch.get_num_threads(),
        dtypes=tuple(dict.fromkeys(dtypes)),
        attention=attention,
        compiled=compiled,
        tf32=in_tf32(device),
        peaks=peaks,
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )


def device_name(device: str) -> str:
    """Return what a device calls itself."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return cpu_name()


def _cpu_clock_hz() -> float | None:
    """Return the clock of the first core as Linux tells it; None on another system."""
    if not CPU_INFO.is_file():
        return None
    lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = (line.partition(":") for line in lines)
    megahertz = [value for name, _, value in pairs if name.strip() == "cpu MHz"]
    return float(megahertz[0]) * 1e6 if megahertz else None


def _gpu_facts() -> tuple[str | None, float | None]:
    """Return driver and clock of the current GPU as its tool tells them; None where it does not."""
    query = ["nvidia-smi", "--query-gpu=driver_version,clocks.sm", "--format=csv,noheader,nounits"]
    # The tool counts all cards, torch those that CUDA_VISIBLE_DEVICES leaves it.
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    query += ["-i", f"GPU-{properties.uuid}"]
    try:
        ran = subprocess.run(query, capture_output=True, text=True, check=True, timeout=10)
        driver, megahertz = ran.stdout.splitlines()[0].split(", ")
        return driver, float(megahertz) * 1e6
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None, None
