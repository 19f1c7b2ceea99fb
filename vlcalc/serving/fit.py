"""Whether a load fits on devices, how much of it would, and which devices hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from vlcalc.core.errors import InputError, RefusedError
from vlcalc.inference.inference import Inference, infer
from vlcalc.inference.load import Load
from vlcalc.inference.quantisation import QUANTISATIONS
from vlcalc.serving.latency import Speed, speed, with_messages
from vlcalc.serving.limits import Limit, limits
from vlcalc.serving.memory import DEFAULT_RESERVE, MemoryLayout, Reserve, lay_out
from vlcalc.serving.parallel import shard
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.schema import ModelSpec

TPS = (1, 2, 4, 8)
NUM_STEPS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceFit:
    """A load on one kind of device.

    Attributes:
        layout: the memory of one device.
        limits: the largest batch, the most images, the longest context.
        speed: how fast the load is served, whether it fits or not.
        remedies: changes of the load or of the devices that would make it fit, where it does not.
    """

    layout: MemoryLayout
    limits: tuple[Limit, ...]
    speed: Speed
    reserve: Reserve
    remedies: tuple[str, ...] = ()

    @property
    def fits(self) -> bool | None:
        """Whether it fits; None where that is not known."""
        return self.layout.fits


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """A device that holds a load, with as few of its kind as do."""

    layout: MemoryLayout
    speed: Speed


def fit_device(
    spec: ModelSpec,
    load: Load,
    device: DeviceSpec,
    *,
    tp: int = 1,
    reserve: Reserve = DEFAULT_RESERVE,
    on_step: Callable[[str], None] = lambda _name: None,
) -> DeviceFit:
    """Return whether a load fits on `tp` devices, and how much of it would; needs torch.

    Args:
        spec: the whole model.
        load: the request.
        device: one of the devices.
        tp: how many there are.
        reserve: memory of each that is kept free.
        on_step: is called with the name of each of `NUM_STEPS` steps that begins.

    Raises:
        InputError: the device's memory is not known, the model cannot be split like this, or
            prompt and answer exceed the window.
        RefusedError: the model's processor refuses such an image.
    """
    on_step("memory")
    part = shard(spec, tp)
    inference = infer(part, load)
    layout = lay_out(inference, device, tp=tp, reserve=reserve)
    on_step("speed")
    served_speed = speed(with_messages(inference, tp), device)
    on_step("what else fits")
    room_bytes = layout.usable_bytes - (layout.workspace_bytes or 0)
    known = layout.used_bytes is not None
    return DeviceFit(
        layout=layout,
        limits=tuple(limits(part, load, room_bytes)) if known else (),
        speed=served_speed,
        reserve=reserve,
        remedies=() if layout.fits is not False else tuple(_remedies(spec, load, layout, reserve)),
    )


def _remedies(spec: ModelSpec, load: Load, layout: MemoryLayout, reserve: Reserve) -> Iterator[str]:
    """Yield one change each that would make a load fit: more devices, fewer bits."""
    device, tp = layout.device, layout.tp
    for more in TPS:
        if more > tp and can_join(device, more) and _holds(spec, load, device, more, reserve):
            yield f"`--tp {more}`"
            break
    for name in ("int8", "int4") if load.quantisation is None else ():
        quantised = replace(load, quantisation=QUANTISATIONS[name])
        if _holds(spec, quantised, device, tp, reserve):
            yield f"`--quant {name}`"
            break
    if load.batch_size > 1 and _holds(spec, replace(load, batch_size=1), device, tp, reserve):
        yield "a smaller `--batch`"


def _holds(spec: ModelSpec, load: Load, device: DeviceSpec, tp: int, reserve: Reserve) -> bool:
    try:
        layout = lay_out(infer(shard(spec, tp), load), device, tp=tp, reserve=reserve)
    except InputError:  # it cannot be split, or quantised, like this
        return False
    return bool(layout.fits)


def can_join(device: DeviceSpec, tp: int) -> bool:
    """Return whether so many devices of a kind can work on one model: all but one need a link."""
    return tp == 1 or (device.interconnect is not None and device.interconnect.name != "none")


def holders(
    spec: ModelSpec,
    load: Load,
    devices: Iterable[DeviceSpec],
    *,
    reserve: Reserve = DEFAULT_RESERVE,
) -> list[Holder]:
    """Return the devices that hold a load, each with as few of its kind as do, small ones first.

    Raises:
        InputError: what the model takes is not known, or prompt and answer exceed the window.
        RefusedError: the model's processor refuses such an image.
    """
    left = [device for device in devices if device.memory_bytes is not None]
    holding: list[Holder] = []
    for tp in TPS:
        try:
            inference = infer(shard(spec, tp), load)
        except (InputError, RefusedError):
            if tp == 1:
                raise
            continue
        require_known(inference)
        served = with_messages(inference, tp)
        layouts = [
            lay_out(inference, device, tp=tp, reserve=reserve)
            for device in left
            if can_join(device, tp)
        ]
        holding += [
            Holder(layout=layout, speed=speed(served, layout.device))
            for layout in layouts
            if layout.fits
        ]
        held = {holder.layout.device.name for holder in holding}
        left = [device for device in left if device.name not in held]
    return sorted(holding, key=lambda holder: (holder.layout.tp, holder.layout.memory_bytes))


def require_known(inference: Inference) -> int:
    """Return the bytes of weights, cache and activations.

    Raises:
        InputError: one of them is not known.
    """
    if inference.total_bytes is None:
        known = {
            "the weights": inference.weights.total,
            "the cache": inference.cache,
            "the activations": inference.peak_activation_bytes,
        }
        unknown = " and ".join(name for name, value in known.items() if value is None)
        raise InputError(
            expected="a model whose weights, cache and activations are known",
            got=f"`{inference.plan.spec.name}`, of which {unknown} are not",
            hint=f"`vlcalc inspect {inference.plan.spec.name}` shows what is known",
        )
    return inference.total_bytes
