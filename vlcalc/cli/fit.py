"""`vlcalc fit`: what fits into the memory of a device, or which devices hold a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vlcalc.api import defaults
from vlcalc.cli.edge import given, settings, show_report, text_length, whole_number
from vlcalc.cli.options import (
    DtypeOrStored,
    Format,
    KvDtype,
    Output,
    OutputTokens,
    OwnImage,
    Prompt,
    Quant,
    Set,
    TensorParallel,
)
from vlcalc.cli.progress import steps
from vlcalc.core.errors import InputError

if TYPE_CHECKING:
    from vlcalc.serving.fit import DeviceFit

Opt = typer.Option


def fit_command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Model, or a part of one, by name or YAML file.")
    ],
    device: Annotated[
        str | None, Opt(metavar="NAME", help="Device; without it, all that hold the request.")
    ] = None,
    tp: TensorParallel = None,
    image: OwnImage = None,
    images: Annotated[int | None, Opt(metavar="N", help="Images of a prompt; 1.")] = None,
    text: Annotated[str | None, Opt(metavar="N", help="Tokens of text; 50.")] = None,
    prompt: Prompt = None,
    output_tokens: OutputTokens = None,
    batch: Annotated[str, Opt(metavar="N", help="Prompts at once.")] = str(defaults.BATCH_SIZE),
    dtype: DtypeOrStored = None,
    kv_dtype: KvDtype = None,
    quant: Quant = None,
    reserve: Annotated[
        str, Opt(metavar="SHARE|BYTES", help="Memory to keep free: 0.1, 10%, 2GiB.")
    ] = defaults.RESERVE,
    set: Set = None,  # noqa: A002
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Show whether a request fits on a device, and how much of it would; exit code 1 if not.

    Memory is laid out (weights, cache, activations, workspace, what is left); then the largest
    batch, the most images and the longest context that fit. Without `--device`: which devices of
    the list hold the request, how many of them it takes, and how fast they are.
    """
    from vlcalc.api.fit import find_devices, fit, fit_report

    load = given(
        overrides=settings(set),
        num_images=images,
        text_tokens=text_length(text, prompt, model),
        output_tokens=whole_number(output_tokens, "output-tokens", minimum=1),
        batch_size=whole_number(batch, "batch", minimum=1),
        dtype=dtype,
        kv_dtype=kv_dtype,
        quant=quant,
    )
    if device is not None:
        with steps() as on_step:
            result = fit(model, device, image, tp=tp or 1, reserve=reserve, on_step=on_step, **load)
        show_report(fit_report(result), format, output)
        check_fits(result)
        return
    if tp is not None:
        raise InputError(expected="`--device NAME` beside it", got=f"`{tp}`", where="--tp")
    search = find_devices(model, image, reserve=reserve, **load)
    show_report(search.report(), format, output)
    if not search.holders:
        raise InputError(
            expected="a request that a device of the list holds",
            got=f"none for {search.model}, not even 8 of one kind",
            hint="a smaller batch, a shorter context, or `--quant`",
        )


def check_fits(result: DeviceFit) -> None:
    """Refuse what does not fit; raises InputError, also where that is not known."""
    from vlcalc.core.units import format_bytes
    from vlcalc.serving.fit import require_known

    layout = result.layout
    if result.fits is None:
        require_known(layout.inference)
    if result.fits:
        return
    name, used = layout.inference.plan.spec.name, layout.used_bytes
    where = f"{layout.tp} x `{layout.device.name}`" if layout.tp > 1 else f"`{layout.device.name}`"
    remedies = " or ".join(result.remedies)
    raise InputError(
        expected=f"at most {format_bytes(layout.usable_bytes)} for {name} on {where}",
        got=format_bytes(used) if used is not None else "more",
        hint=f"it fits with {remedies}"
        if remedies
        else f"`vlcalc fit {name}` lists larger devices",
    )
