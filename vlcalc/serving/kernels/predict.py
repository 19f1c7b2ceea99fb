"""Seconds of a kernel on a device: its roofline times what measured neighbours make of theirs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, log

from vlcalc.core.errors import InputError
from vlcalc.serving.kernels.kriging import krige
from vlcalc.serving.kernels.neighbours import PointIndex, point_index
from vlcalc.serving.kernels.shapes import Collective, Kernel
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.devices import load_device
from vlcalc.spec.kernel_tables import KernelTable, measured_devices, nearest_table

FLAT_SHARE = 0.8
FLAT_START_S = 3e-6


@dataclass(frozen=True, slots=True)
class KernelTime:
    """What a kernel is predicted to take.

    Attributes:
        seconds: the prediction; the launch is part of it.
        table_device: whose table it is from: the device itself, or its nearest relative.
        is_extrapolated: whether a size lies beyond the table.
    """

    seconds: float
    table_device: str
    is_extrapolated: bool


@dataclass(frozen=True, slots=True)
class Peaks:
    """What bounds a kernel on a device; bytes are the links' for a collective."""

    flops_per_s: float
    bytes_per_s: float
    l2_bytes: int

    def roofline_s(self, shape: Kernel) -> float:
        """Return FLOPs and bytes at the peaks, joined, and the kernel's floor."""
        power, boost = shape.sharpness, shape.cache_speedup
        cached = min(shape.num_bytes, self.l2_bytes)
        bytes_s = (shape.num_bytes - cached + cached / boost) / self.bytes_per_s
        flops_s = shape.num_flops / self.flops_per_s
        longest = max(bytes_s, flops_s, 1e-30)
        joined: float = (bytes_s / longest) ** power + (flops_s / longest) ** power
        return float(longest * joined ** (1 / power) + shape.floor_s)

    def flat_s(self, shape: Kernel) -> float:
        """Return the longer of both at 80 % of the peaks, and 3 us: what no table needs."""
        longest = max(shape.num_flops / self.flops_per_s, shape.num_bytes / self.bytes_per_s)
        return longest / FLAT_SHARE + FLAT_START_S


def predict_kernel(shape: Kernel, device: DeviceSpec) -> KernelTime:
    """Return what a kernel takes on a device.

    Raises:
        InputError: neither the device nor a relative has a table of the kernel, or the device
            lacks a peak.
    """
    table = nearest_table(device.name, shape.kernel, shape.variant)
    if table is None:
        raise InputError(
            expected="a device with kernel tables, or one of its architecture",
            got=f"`{device.name}`, which has none of `{shape.kernel}` in {shape.variant}",
            hint=f"measured are {', '.join(measured_devices())}, and their relatives",
        )
    return predict_from(table, shape, peaks_of(device, table))


def predict_from(table: KernelTable, shape: Kernel, peaks: Peaks) -> KernelTime:
    """Return what a kernel takes where a table's ratios to the roofline hold."""
    index = point_index(table)
    inside = _inside(index, shape)
    measured_on = table_peaks(table)
    points = index.nearest(inside)
    ratios = [log(point.seconds / measured_on.roofline_s(point.shape)) for point in points]
    positions = [point.position for point in points]
    ratio = krige(positions, ratios, inside.position, doubtful=shape.doubts_outliers)
    # A guess between points is never far from all of them.
    ratio = min(max(ratio, min(ratios)), max(ratios))
    return KernelTime(exp(ratio) * peaks.roofline_s(shape), table.device, inside != shape)


def _inside(index: PointIndex, shape: Kernel) -> Kernel:
    """Return a kernel with each size moved to the nearest that the table has."""
    changes = {}
    for name, (low, high) in index.bounds.items():
        value = getattr(shape, name)
        if not low <= value <= high:
            changes[name] = min(max(value, low), high)
    return replace(shape, **changes) if changes else shape


@lru_cache(maxsize=128)
def table_peaks(table: KernelTable) -> Peaks:
    """Return the peaks of the device that a table was measured on."""
    return peaks_of(load_device(table.device), table)


def peaks_of(device: DeviceSpec, table: KernelTable) -> Peaks:
    """Return what bounds a table's kernel on a device.

    Raises:
        InputError: the device lacks the peak, the bandwidth or the links.
    """
    if table.kernel == Collective.kernel:
        both_ways = device.interconnect and device.interconnect.bytes_per_s
        bytes_per_s, flops_per_s = both_ways and both_ways / 2, float("inf")
    else:
        bytes_per_s = device.bandwidth_bytes_per_s
        flops_per_s = device.flops_per_s.get(table.variant, 0)
    if not bytes_per_s or not flops_per_s:
        missing = f"a peak in {table.variant}" if bytes_per_s else "a bandwidth"
        raise InputError(expected=f"a device with {missing}", got=f"`{device.name}` without")
    return Peaks(flops_per_s, bytes_per_s, table.l2_bytes)
