"""`vlcalc devices`: what accelerators there are, what this machine has, and measuring it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcalc.cli.options import Format, Output
from vlcalc.cli.output import show

app = typer.Typer(help="List, show, detect and measure devices: peaks, bandwidth, memory.",
                  no_args_is_help=True, rich_markup_mode=None)  # fmt: skip


@app.command("list")
def list_command(
    vendor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only devices of this vendor.")
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(metavar="DTYPE", help="Only devices with a known peak in it: bf16, fp8..."),
    ] = None,
    min_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Only devices that hold this: 80GB, 24GiB.")
    ] = None,
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """List every device: memory, bandwidth, dense peaks by dtype, ridge."""
    from vlcalc.core.units import parse_memory
    from vlcalc.spec.device_tables import device_list, parse_peak_dtype

    table = device_list(
        vendor=vendor,
        dtype=None if dtype is None else parse_peak_dtype(dtype, where="--dtype"),
        min_memory_bytes=0
        if min_memory is None
        else parse_memory(min_memory, where="--min-memory"),
    )
    show([table], format, output)


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="Name, alias or YAML file.")],
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Show all that is known of a device, with notes and sources."""
    from vlcalc.spec.device_tables import device_figures
    from vlcalc.spec.devices import load_device

    show([device_figures(load_device(name))], format, output)


@app.command("detect")
def detect_command(
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Show what this machine has: CUDA devices, MPS, CPU, and which of the list they are."""
    from vlcalc.measurement.detect import detect, detected_table

    show([detected_table(detect())], format, output)


@app.command("calibrate")
def calibrate_command(
    device: Annotated[
        str, typer.Option(metavar="auto|cuda|mps|cpu", help="auto: CUDA, then MPS, then the CPU.")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Of the CPU; torch's own number.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.yaml", help="Instead of the user's devices folder."
        ),
    ] = None,
) -> None:
    """Measure this machine, in under a minute; later predictions for it use what was measured."""
    from vlcalc.cli.calibrating import run

    run(device, threads, output)
