"""Devices for people and machines: the list, and one in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vlcalc.core import units
from vlcalc.core.errors import InputError, near_miss
from vlcalc.report.table import Column, Table, UnverifiedFloat, UnverifiedInt
from vlcalc.spec.calibration import Calibration
from vlcalc.spec.device import SHORT_DTYPES, DeviceSpec, Efficiency
from vlcalc.spec.devices import known_devices, user_devices

# The first of these that a device knows gives its ridge.
RIDGE_DTYPES = ("bfloat16", "float16")
# Of no use to a vision-language model in torch: for machines only, unless asked for.
RARE_DTYPES = ("float64", "float6")
CONVENTION = (
    "Dense peaks, 2 FLOPs per multiply-accumulate. `?`: from a weak source; `-`: unknown. The "
    "memory is the gigabytes (10^9 bytes) that a device is sold by."
)
WHOSE_RIDGE = "The ridge is that of 16 bits."
FIGURE_COLUMNS = (
    Column("figure", "figure", "text", reader="machines"),
    Column("figure", "figure", "text", reader="people"),
    Column("value", "value", "text", reader="people"),
    Column("value", "value", "text", reader="machines"),
    Column("unverified", "unverified", "text", reader="machines"),
)


class DeviceFigure(NamedTuple):
    """One thing that is known of a device: its key, raw, as people read it, and what belongs to it.

    Attributes:
        source: the key of the spec that it stands under, which `unverified` names.
    """

    key: str
    value: Any
    text: str
    more: str = ""
    source: str = ""


def parse_peak_dtype(name: str, *, where: str = "") -> str:
    """Return the full name of a dtype that peaks are known in, for it or its short form.

    Raises:
        InputError: there is no such dtype.
    """
    full = {short: full for full, short in SHORT_DTYPES.items()}.get(name, name)
    if full not in SHORT_DTYPES:
        known = [*SHORT_DTYPES.values(), *SHORT_DTYPES]
        hint = near_miss(name, known) or "known: " + ", ".join(SHORT_DTYPES.values())
        raise InputError(expected="a dtype", got=f"`{name}`", where=where, hint=hint)
    return full


def device_list(
    *, vendor: str | None = None, dtype: str | None = None, min_memory_bytes: int = 0
) -> Table:
    """Return a row for each device: the user's own first, then the shipped ones.

    Args:
        vendor: only devices of this vendor.
        dtype: only devices whose peak in this dtype is known, and only that peak.
        min_memory_bytes: only devices that hold at least as much.

    Raises:
        InputError: there is no such vendor.
    """
    devices = known_devices()
    if vendor is not None:
        devices = _of_vendor(devices, vendor)
    if dtype is not None:
        devices = [each for each in devices if each.peak(dtype) is not None]
    if min_memory_bytes:
        devices = [each for each in devices if (each.memory_bytes or 0) >= min_memory_bytes]
    known = {key for each in devices for key in each.flops_per_s}
    dtypes = [dtype] if dtype else [key for key in SHORT_DTYPES if key in known]
    notes = [
        f"{path} is not valid; `vlcalc specs validate` says why." for path in user_devices()[1]
    ]
    rows = [_row(each, dtypes) for each in devices]
    notes = [CONVENTION, *([] if dtype else [WHOSE_RIDGE]), *notes]
    return Table(_columns(dtypes), rows, title=_count(len(rows)), notes=tuple(notes))


def _count(number: int) -> str:
    return "1 device" if number == 1 else f"{number} devices"


def _of_vendor(devices: Sequence[DeviceSpec], vendor: str) -> list[DeviceSpec]:
    chosen = [each for each in devices if _firm(each).casefold() == vendor.strip().casefold()]
    if not chosen:
        known = sorted({_firm(each) for each in devices if each.vendor})
        raise InputError(
            expected="a vendor of a device",
            got=f"`{vendor}`",
            where="--vendor",
            hint="known: " + ", ".join(known),
        )
    return chosen


def _firm(device: DeviceSpec) -> str:
    """Return the vendor without what stands in brackets after it."""
    return device.vendor.split(" (")[0]


def _columns(dtypes: Sequence[str]) -> tuple[Column, ...]:
    peaks = (
        Column(
            f"{dtype}_flops_per_s",
            f"{SHORT_DTYPES[dtype]} TFLOP/s",
            "tera",
            8 if dtype == "bfloat16" else 6,
            "machines" if dtype in RARE_DTYPES and len(dtypes) > 1 else "both",
        )
        for dtype in dtypes
    )
    return (
        Column("name", "name", "text"),
        Column("title", "title", "text", reader="machines"),
        Column("vendor", "vendor", "text", reader="machines"),
        Column("kind", "kind", "text", reader="machines"),
        Column("memory_bytes", "memory", "decimal_bytes"),
        Column("bandwidth_bytes_per_s", "bandwidth", "bytes_per_s", 8),
        *peaks,
        Column("ridge_flop_per_byte", "ridge FLOP/byte", "ratio", 7),
        Column("calibrated", "calibrated", "text", 5),
        Column("unverified", "unverified", "text", reader="machines"),
    )


def _row(device: DeviceSpec, dtypes: Sequence[str]) -> tuple[Any, ...]:
    chosen = dtypes if len(dtypes) == 1 else RIDGE_DTYPES
    ridges = [ridge for dtype in chosen if (ridge := device.ridge(dtype)) is not None]
    return (
        device.name,
        device.title or None,
        device.vendor or None,
        device.kind,
        marked(device, "memory_bytes", device.memory_bytes),
        marked(device, "bandwidth_bytes_per_s", device.bandwidth_bytes_per_s),
        *(marked(device, dtype, device.peak(dtype)) for dtype in dtypes),
        ridges[0] if ridges else None,
        device.calibration.date if device.calibration else None,
        ", ".join(device.unverified) or None,
    )


def marked(device: DeviceSpec, key: str, value: float | None) -> float | None:
    """Return a figure of a device, marked where its source is weak."""
    if value is None or key not in device.unverified:
        return value
    return UnverifiedInt(value) if isinstance(value, int) else UnverifiedFloat(value)


def device_figures(device: DeviceSpec) -> Table:
    """Return all that is known of a device, a row each, with its notes and sources."""
    rows = []
    for figure in _figures(device):
        weak = (figure.source or figure.key) in device.unverified
        text = f"{figure.text}{'?' if weak else ''}{figure.more}"
        rows.append((figure.key, _label(figure.key), text, figure.value, weak))
    sources = tuple(f"Source: {source}" for source in device.sources)
    title = f"{device.name}: {device.title}" if device.title else device.name
    return Table(FIGURE_COLUMNS, rows, title=title, notes=(*device.notes, CONVENTION, *sources))


def _label(key: str) -> str:
    if key == "interconnect_bytes_per_s":
        return "link"
    for unit in ("_flops_per_s", "_bytes_per_s", "_bytes", "_s"):
        key = key.removesuffix(unit)
    return f"peak {SHORT_DTYPES[key]}" if key in SHORT_DTYPES else key.replace("_", " ")


def _figures(device: DeviceSpec) -> Iterator[DeviceFigure]:
    names = ", ".join((*device.aliases, *device.reported_as))
    texts = {"vendor": device.vendor, "kind": device.kind, "segment": device.segment}
    for key, text in {**texts, "answers_to": names}.items():
        if text:
            yield DeviceFigure(key, text, text)
    memory, bandwidth = device.memory_bytes, device.bandwidth_bytes_per_s
    shared = ", shared with the CPU" if device.unified_memory else ""
    yield DeviceFigure("memory_bytes", memory, units.format_decimal_bytes(memory), shared)
    yield DeviceFigure("bandwidth_bytes_per_s", bandwidth, units.format_bytes_per_s(bandwidth))
    yield from _link(device)
    for dtype in SHORT_DTYPES:
        yield from _peak(device, dtype)
    for key, rate in device.other_flops_per_s.items():
        yield DeviceFigure(f"{key}_flops_per_s", rate, units.format_flops_per_s(rate), source=key)
    if device.calibration:
        yield from _measured(device.calibration, device)
    else:
        yield from _counted_on(device.efficiency)


def _counted_on(share: Efficiency) -> Iterator[DeviceFigure]:
    """Yield what predictions count on where nothing was measured."""
    yield DeviceFigure("share_of_peak", share.flops, units.format_share(share.flops))
    yield DeviceFigure("share_of_bandwidth", share.bandwidth, units.format_share(share.bandwidth))
    yield DeviceFigure(
        "time_per_operator_s", share.operator_s, units.format_seconds(share.operator_s)
    )


def _measured(calibration: Calibration, device: DeviceSpec) -> Iterator[DeviceFigure]:
    """Yield what was measured, but for peaks and for the rates by size, which are too many."""
    texts = {
        "calibrated": calibration.date,
        "calibrated_on": calibration.machine,
        "calibrated_with": f"torch {calibration.torch}" if calibration.torch else "",
    }
    for key, text in texts.items():
        if text:
            yield DeviceFigure(key, text, text)
    if calibration.threads:
        yield DeviceFigure("threads", calibration.threads, str(calibration.threads))
    for dtype, rate in calibration.flops_per_s.items():
        if rate == device.peak(dtype):
            continue
        yield DeviceFigure(f"measured_{dtype}_flops_per_s", rate, units.format_flops_per_s(rate))
    bandwidth = calibration.bandwidth_bytes_per_s
    if bandwidth not in (None, device.bandwidth_bytes_per_s):
        text = units.format_bytes_per_s(bandwidth)
        yield DeviceFigure("measured_bandwidth_bytes_per_s", bandwidth, text)
    operator_s = calibration.operator_s
    yield DeviceFigure("measured_time_per_operator_s", operator_s, units.format_seconds(operator_s))


def _link(device: DeviceSpec) -> Iterator[DeviceFigure]:
    link = device.interconnect
    if link is None:
        return
    yield DeviceFigure("interconnect", link.name, link.name)
    if link.bytes_per_s is not None:
        rate = units.format_bytes_per_s(link.bytes_per_s)
        key = "interconnect_bytes_per_s"
        yield DeviceFigure(
            key, link.bytes_per_s, rate, ", both directions together", "interconnect"
        )


def _peak(device: DeviceSpec, dtype: str) -> Iterator[DeviceFigure]:
    peak, key = device.peak(dtype), f"{dtype}_flops_per_s"
    if peak is not None:
        ridge = units.format_ratio(device.ridge(dtype))
        rate = units.format_flops_per_s(peak)
        yield DeviceFigure(key, peak, rate, f", ridge {ridge} FLOP/byte", dtype)
    elif dtype in device.unsupported:
        yield DeviceFigure(key, None, "no units for it")
