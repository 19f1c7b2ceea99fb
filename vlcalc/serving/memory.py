"""The memory of a device laid out: weights, cache, activations, workspace, reserve, what is left.

The driver's context and its communicators, which stand outside any allocator, are not known; they
and fragmentation are what the reserve is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from vlcalc.core.errors import InputError
from vlcalc.core.units import format_bytes, format_percent, parse_memory
from vlcalc.inference.inference import Inference
from vlcalc.spec.device import DeviceSpec

MIB = 1024**2
# What torch gives cuBLAS, or hipBLAS, at the first product. Of Blackwell, its versions differ; here
# it has what cuBLAS recommends from Hopper on.
# Source: pytorch aten/src/ATen/cuda/CublasHandlePool.cpp::parseChosenWorkspaceSize;
# https://docs.nvidia.com/cuda/cublas/#cublassetworkspace
CUBLAS_BYTES = 8 * MIB + 128 * 1024
CUBLAS_HOPPER_BYTES = 32 * MIB
HIPBLAS_BYTES = 32 * MIB
HIPBLAS_MI300_BYTES = 128 * MIB
HOPPER_OR_LATER = (
    *("h100", "h200", "gh200", "b200", "gb200", "b300", "gb300"),
    *("rtx-5090", "rtx-pro-6000-blackwell"),
)
MI300_OR_LATER = ("mi300", "mi325", "mi350", "mi355")


class Reserve(NamedTuple):
    """Memory that is left to the driver, to fragmentation and to others: a share, or bytes."""

    share: Fraction = Fraction(0)
    num_bytes: int = 0

    def of(self, memory_bytes: int) -> int:
        """Return the bytes that are kept free of so many, rounded up."""
        return -int(-self.share * memory_bytes // 1) + self.num_bytes

    def __str__(self) -> str:
        if self.num_bytes:
            return format_bytes(self.num_bytes)
        return format_percent(float(self.share))


# vLLM's default leaves as much: `gpu_memory_utilization` is 0.9 (vllm/config/cache.py).
DEFAULT_RESERVE = Reserve(share=Fraction(1, 10))


def parse_reserve(text: str, *, where: str = "") -> Reserve:
    """Read a share such as `0.1` or `10%`, or an amount such as `2GiB`.

    Raises:
        InputError: it is neither, or all of the memory.
    """
    if re.search(r"[bB]\s*$", text):
        return Reserve(num_bytes=parse_memory(text, where=where))
    match = re.fullmatch(r"\s*([0-9]{1,3}(?:\.[0-9]{1,9})?)\s*(%?)\s*", text)
    share = Fraction(match[1]) / (100 if match[2] else 1) if match else Fraction(1)
    if share >= 1:
        raise InputError(
            expected="a share of the memory below 1 such as `0.1`, or an amount such as `2GiB`",
            got=f"`{text[:60]}`",
            where=where,
        )
    return Reserve(share=share)


def workspace_bytes(device: DeviceSpec) -> int | None:
    """Return what the library of matrix products allocates besides; None where it is not known."""
    if device.vendor.startswith("NVIDIA"):
        return CUBLAS_HOPPER_BYTES if device.name.startswith(HOPPER_OR_LATER) else CUBLAS_BYTES
    if device.vendor.startswith("AMD") and device.kind == "gpu":
        return HIPBLAS_MI300_BYTES if device.name.startswith(MI300_OR_LATER) else HIPBLAS_BYTES
    return None


def require_memory(device: DeviceSpec) -> int:
    """Return the bytes of a device's memory.

    Raises:
        InputError: they are not known.
    """
    if device.memory_bytes is None:
        raise InputError(
            expected="a device whose memory is known",
            got=f"`{device.name}`",
            hint="`memory_bytes` in its file says how much it has",
        )
    return device.memory_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryLayout:
    """What lies in the memory of one of `tp` devices; None is unknown.

    Attributes:
        inference: what the load costs one device's part of the model.
        memory_bytes: all of the device.
        reserve_bytes: kept free of them.
        workspace_bytes: of the library of matrix products.
    """

    device: DeviceSpec
    tp: int
    inference: Inference
    memory_bytes: int
    reserve_bytes: int
    workspace_bytes: int | None

    def parts(self) -> Iterator[tuple[str, int | None]]:
        """Yield what takes memory, and how much."""
        yield from self.inference.memory_parts()
        yield "workspace", self.workspace_bytes

    @property
    def usable_bytes(self) -> int:
        """The memory without the reserve."""
        return max(self.memory_bytes - self.reserve_bytes, 0)

    @property
    def used_bytes(self) -> int | None:
        """All parts together; an unknown workspace comes out of the reserve."""
        total = self.inference.total_bytes
        return None if total is None else total + (self.workspace_bytes or 0)

    @property
    def left_bytes(self) -> int | None:
        """What could still be used; negative: what is missing."""
        return None if self.used_bytes is None else self.usable_bytes - self.used_bytes

    @property
    def fits(self) -> bool | None:
        """Whether it fits; None where a part is not known and the known ones do fit."""
        if self.left_bytes is not None:
            return self.left_bytes >= 0
        known = sum(size for _, size in self.parts() if size is not None)
        return False if known > self.usable_bytes else None


def lay_out(inference: Inference, device: DeviceSpec, *, tp: int, reserve: Reserve) -> MemoryLayout:
    """Return the memory of one of `tp` devices.

    Raises:
        InputError: the device's memory is not known.
    """
    memory_bytes = require_memory(device)
    return MemoryLayout(
        device=device,
        tp=tp,
        inference=inference,
        memory_bytes=memory_bytes,
        reserve_bytes=reserve.of(memory_bytes),
        workspace_bytes=workspace_bytes(device),
    )
