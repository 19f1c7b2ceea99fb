"""What a reader must know of predicted times and of memory laid out."""

from __future__ import annotations

from collections.abc import Iterator

from vlcalc.core import units
from vlcalc.inference.load import Load
from vlcalc.serving.latency import Speed
from vlcalc.serving.memory import MemoryLayout, Reserve
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.schema import ModelSpec


def speed_notes(speed: Speed) -> Iterator[str]:
    """Yield where predicted times are from, and what they leave out."""
    unknown = tuple(_unknown_peaks(speed.device, speed.load.dtype))
    if speed.source == "calibrated":
        yield _calibrated(speed)
    else:
        yield from unknown
        if all(phase.latency_s is None for phase in speed.phases):
            return
        yield _modelled(speed)
    if missing := [phase.phase for phase in speed.phases if phase.latency_s is None]:
        yield f"What {' and '.join(missing)} take{'s' * (len(missing) == 1)} is not known."
    if quantisation := speed.load.quantisation:
        read = "as if they were not quantised" if speed.source == "calibrated" else "in fewer bytes"
        yield (
            f"Weights in {quantisation.name} are read {read} and multiplied in "
            f"{speed.load.dtype}; unpacking them takes nothing here."
        )
    if speed.tp > 1:
        yield from parallel_notes(speed)


def _unknown_peaks(device: DeviceSpec, dtype: str) -> Iterator[str]:
    known = ", ".join(f"`{key}`" for key in device.flops_per_s) or "none"
    if dtype in device.unsupported:
        why = f"has no units for `{dtype}`, so no time is known"
        yield f"`{device.name}` {why}; known peaks: {known}."
    elif device.peak(dtype) is None:
        yield (
            f"`{device.name}` has no known peak in `{dtype}`, so that only what bandwidth binds on "
            f"every device has a time; known peaks: {known}."
        )
    if device.bandwidth_bytes_per_s is None:
        yield f"The bandwidth of `{device.name}` is not known, nor any time."


def _modelled(speed: Speed) -> str:
    device = speed.device
    share = device.efficiency
    peak, bandwidth = device.peak(speed.load.dtype), device.bandwidth_bytes_per_s
    by_bytes = (
        f"its bytes at {units.format_percent(share.bandwidth)} of "
        f"{units.format_bytes_per_s(bandwidth)}"
    )
    if peak is not None:
        by_flops = f"{units.format_percent(share.flops)} of {units.format_flops_per_s(peak)}"
        by_bytes = f"its FLOPs at {by_flops} or {by_bytes}, whichever is longer,"
    start = units.format_seconds(share.operator_s)
    return (
        f"Modelled: each operator takes {by_bytes} and {start} to start; none is fused or replayed."
    )


def _calibrated(speed: Speed) -> str:
    calibration = speed.device.calibration
    assert calibration is not None
    return (
        f"Calibrated: each operator takes what one of its kind and size took on "
        f"{calibration.machine or speed.device.name}, {calibration.date}."
    )


def parallel_notes(speed: Speed) -> Iterator[str]:
    """Yield what is split over devices, and what they tell each other."""
    link, device = speed.device.interconnect, speed.device
    yield (
        f"Tensor parallel over {speed.tp} devices: heads, feed-forwards and vocabulary of the "
        "language model, and of layers put into it, are split; all else runs on each."
    )
    rate = link.bytes_per_s if link else None
    if rate is None:
        yield f"What links devices `{device.name}` is not known, nor what communication takes."
        return
    assert link is not None
    yield (
        "Two all-reduces a layer go around a ring of "
        f"{link.name}, {units.format_percent(device.efficiency.bandwidth)} of "
        f"{units.format_bytes_per_s(rate / 2)} each way; none is hidden behind computing."
    )


STORED = "The bytes of the weights are those in the checkpoint's files."


def memory_notes(layout: MemoryLayout, reserve: Reserve) -> Iterator[str]:
    """Yield what memory is kept free, and what of it is not laid out."""
    device = layout.device
    if layout.inference.plan.load.kept_as_stored:
        yield STORED
    yield (
        f"{reserve} of the memory are kept free: for the driver's context, buffers of "
        "communication, and fragmentation, none of which is laid out here."
    )
    if layout.workspace_bytes is None:
        yield f"The workspace of `{device.name}` is not known; it comes out of what is kept free."
    if "memory_bytes" in device.unverified:
        yield f"The memory of `{device.name}` is from a weak source."
    if layout.tp > 1:
        yield (
            f"Of one of {layout.tp} devices; the language model and layers put into it are split, "
            "all else lies on each."
        )


def conditions(spec: ModelSpec, load: Load) -> str:
    """Return a load of a model in a line."""
    return f"{load.words(spec.components)}, {load.formats(spec.components)}"
