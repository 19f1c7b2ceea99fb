"""`vlcalc.fit`: whether a request fits on devices; `vlcalc.find_devices`: on which it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from vlcalc.api import defaults
from vlcalc.api.argument import Argument
from vlcalc.api.arguments import AnySize, require_torch
from vlcalc.api.loads import (
    AnyModel,
    LoadOptions,
    check_split,
    device_of,
    keeping,
    load_of,
    model_of,
    stored_of,
)
from vlcalc.inference.load import Load
from vlcalc.report.report import Report
from vlcalc.serving import fit as serving
from vlcalc.serving.document import fit_document
from vlcalc.serving.fit import DeviceFit, Holder
from vlcalc.serving.memory import parse_reserve
from vlcalc.serving.tables import (
    figures_table,
    holders_table,
    layout_table,
    limits_table,
    speed_table,
)
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.devices import known_devices
from vlcalc.spec.schema import ModelSpec

if TYPE_CHECKING:
    from typing_extensions import Unpack

COUNTS_MODULES = "counts modules"


def fit(
    model: AnyModel,
    device: str | DeviceSpec,
    image: AnySize | None = None,
    *,
    tp: int = 1,
    reserve: str = defaults.RESERVE,
    on_step: Callable[[int, int, str], None] | None = None,
    overrides: Mapping[str, object] | None = None,
    **load: Unpack[LoadOptions],
) -> DeviceFit:
    """Return whether a request fits on devices: memory laid out, largest loads, speed; needs torch.

    >>> import vlcalc
    >>> vlcalc.fit("llava-1.5-7b", "rtx-4090", (336, 336)).fits
    True

    Args:
        model: a spec, a name or the path of a YAML file: of a model, a bare encoder or a bare
            language model.
        device: likewise of a device.
        image: a size as (width, height) or `"1920x1080"`, or an image file, of which only the
            header is read; the encoder's own size by default.
        tp: devices that the language model is split over.
        reserve: memory that is kept free: a share such as `0.1` or `10%`, or `2GiB`.
        on_step: is called with number, total and name of each step that begins.
        overrides: keys of the spec by dotted path, with other values.
        load: what is asked of the model: `LoadOptions`.

    Raises:
        InputError: a name, size or number that cannot be, a device whose memory is not known, a
            model that cannot be split like this, or a prompt and answer longer than the window.
        SpecError: a YAML file is not valid.
        RefusedError: the model's processor refuses such an image.
    """
    require_torch(COUNTS_MODULES)
    spec = model_of(model, overrides)
    request = keeping(load_of(spec, image, **load), spec, stored_of(model, spec, load, overrides))
    check_split(spec, tp)
    kept = parse_reserve(reserve, where=Argument("reserve"))
    number = count()

    def begin(name: str) -> None:
        if on_step:
            on_step(next(number), serving.NUM_STEPS, name)

    return serving.fit_device(spec, request, device_of(device), tp=tp, reserve=kept, on_step=begin)


def fit_report(result: DeviceFit) -> Report:
    """Return what lies in memory, what else fits and how fast it is."""
    document = fit_document(result)
    limits = [limits_table(result)] if result.limits else []
    tables = [layout_table(result), *limits, speed_table(result.speed)]
    return Report(tables=tables, machines=figures_table(document), document=document)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceSearch:
    """The devices that hold a request, with as few of each kind as do, small ones first.

    Attributes:
        num_devices: of how many.
    """

    spec: ModelSpec
    load: Load
    holders: Sequence[Holder]
    num_devices: int

    @property
    def model(self) -> str:
        """Its name."""
        return self.spec.name

    def report(self) -> Report:
        """Return a row for each device."""
        table = holders_table(self.spec, self.load, self.holders, self.num_devices)
        return Report(tables=[table])


def find_devices(
    model: AnyModel,
    image: AnySize | None = None,
    *,
    reserve: str = defaults.RESERVE,
    overrides: Mapping[str, object] | None = None,
    **load: Unpack[LoadOptions],
) -> DeviceSearch:
    """Return which devices hold a request, how many of them it takes, how fast; needs torch.

    Args:
        model: as of `fit`, like the rest.
        image: its size or file; the encoder's own size by default.
        reserve: memory that is kept free on each device.
        overrides: keys of the spec by dotted path, with other values.
        load: what is asked of the model: `LoadOptions`.

    Raises:
        InputError: as of `fit`, or what the model takes is not known.
        SpecError: a YAML file is not valid.
        RefusedError: the model's processor refuses such an image.
    """
    require_torch(COUNTS_MODULES)
    spec = model_of(model, overrides)
    request = keeping(load_of(spec, image, **load), spec, stored_of(model, spec, load, overrides))
    kept = parse_reserve(reserve, where=Argument("reserve"))
    devices = known_devices()
    holders = serving.holders(spec, request, devices, reserve=kept)
    return DeviceSearch(spec=spec, load=request, holders=holders, num_devices=len(devices))
