"""`vlcalc fit`: what fits into the memory of a device, or which devices hold what is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlcalc.cli.inspect import AskedLoad, require_torch
from vlcalc.cli.options import (
    Dtype,
    Format,
    KvDtype,
    Output,
    OutputTokens,
    OwnImage,
    Quant,
    TensorParallel,
)
from vlcalc.core.errors import InputError

if TYPE_CHECKING:
    from vlcalc.inference.load import Load
    from vlcalc.serving.fit import DeviceFit
    from vlcalc.serving.memory import Reserve
    from vlcalc.spec.device import DeviceSpec
    from vlcalc.spec.schema import ModelSpec

Opt = typer.Option


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model by name or YAML file.")],
    device: Annotated[
        str | None, Opt(metavar="NAME", help="Device; without it, all that hold the request.")
    ] = None,
    tp: TensorParallel = None,
    image: OwnImage = None,
    images: Annotated[int, Opt(metavar="N", help="Images of a prompt.")] = 1,
    text: Annotated[str | None, Opt(metavar="N", help="Tokens of text; 50.")] = None,
    output_tokens: OutputTokens = None,
    batch: Annotated[str, Opt(metavar="N", help="Prompts at once.")] = "1",
    dtype: Dtype = "bfloat16",
    kv_dtype: KvDtype = None,
    quant: Quant = None,
    reserve: Annotated[
        str, Opt(metavar="SHARE|BYTES", help="Memory to keep free: 0.1, 10%, 2GiB.")
    ] = "10%",
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Show whether a request fits on a device, and how much of it would; exit code 1 if not.

    Memory is laid out (weights, cache, activations, workspace, what is left); then the largest
    batch, the most images and the longest context that fit. Without `--device`: which devices of
    the list hold the request, how many of them it takes, and how fast they are.
    """
    from vlcalc.cli.inspect_model import load_of
    from vlcalc.serving.memory import parse_reserve
    from vlcalc.spec.devices import load_device

    require_torch()
    spec = _model(model)
    asked = AskedLoad(
        image=image,
        images=images,
        text=text,
        output_tokens=output_tokens,
        batch=batch,
        dtype=dtype,
        kv_dtype=kv_dtype,
        quant=quant,
    )
    load, kept = load_of(spec, asked), parse_reserve(reserve, where="--reserve")
    if device is not None:
        found = load_device(device, where="--device")
        _show_fit(_fit(spec, load, found, tp or 1, kept), format, output)
        return
    if tp is not None:
        raise InputError(expected="`--device NAME` beside it", got=f"`{tp}`", where="--tp")
    _show_devices(spec, load, kept, format, output)


def _model(name: str) -> ModelSpec:
    from vlcalc.spec.catalogue import is_file_name
    from vlcalc.spec.loader import load_any, load_spec
    from vlcalc.spec.schema import ModelSpec

    spec = load_any(name) if is_file_name(name) else load_spec(name)
    if not isinstance(spec, ModelSpec):
        raise InputError(expected="a model whose architecture is known", got=f"`{name}`")
    return spec


def _fit(spec: ModelSpec, load: Load, device: DeviceSpec, tp: int, reserve: Reserve) -> DeviceFit:
    from vlcalc.cli.progress import steps
    from vlcalc.serving.fit import NUM_STEPS, fit_device

    with steps(NUM_STEPS) as begin:
        return fit_device(spec, load, device, tp=tp, reserve=reserve, on_step=begin)


def _show_fit(found: DeviceFit, format_name: str, output: Path | None) -> None:
    """Write what lies in memory and what fits.

    Raises:
        InputError: it does not fit, or that is not known.
    """
    from vlcalc.cli.output import show
    from vlcalc.serving.document import fit_document
    from vlcalc.serving.fit import require_known
    from vlcalc.serving.tables import figures_table, layout_table, limits_table, speed_table

    document = fit_document(found)
    limits = [limits_table(found)] if found.limits else []
    tables = [layout_table(found), *limits, speed_table(found.speed)]
    show(tables, format_name, output, machines=figures_table(document), document=document)
    if found.fits is None:
        require_known(found.layout.inference)
    if not found.fits:
        raise _no_fit(found)


def _no_fit(found: DeviceFit) -> InputError:
    from vlcalc.core.units import format_bytes

    layout = found.layout
    name, used = layout.inference.plan.spec.name, layout.used_bytes
    where = f"{layout.tp} x `{layout.device.name}`" if layout.tp > 1 else f"`{layout.device.name}`"
    remedies = " or ".join(found.remedies)
    return InputError(
        expected=f"at most {format_bytes(layout.usable_bytes)} for {name} on {where}",
        got=format_bytes(used) if used is not None else "more",
        hint=f"it fits with {remedies}"
        if remedies
        else f"`vlcalc fit {name}` lists larger devices",
    )


def _show_devices(
    spec: ModelSpec, load: Load, reserve: Reserve, format_name: str, output: Path | None
) -> None:
    """Write which devices hold a load.

    Raises:
        InputError: none does.
    """
    from vlcalc.cli.output import show
    from vlcalc.serving.fit import holders
    from vlcalc.serving.tables import holders_table
    from vlcalc.spec.devices import known_devices

    devices = known_devices()
    found = holders(spec, load, devices, reserve=reserve)
    show([holders_table(spec.name, load, found, len(devices))], format_name, output)
    if not found:
        raise InputError(
            expected="a request that a device of the list holds",
            got=f"none for {spec.name}, not even 8 of one kind",
            hint="a smaller batch, a shorter context, or `--quant`",
        )
