"""`vlcalc devices`: what accelerators there are, what this machine has, and measuring it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from vlcalc.api import defaults
from vlcalc.cli.edge import Command, show_report
from vlcalc.cli.options import Format, Output
from vlcalc.cli.output import check_writable, write
from vlcalc.core.errors import InputError

app = typer.Typer(help="List, show, detect and measure devices: peaks, bandwidth, memory.",
                  no_args_is_help=True, rich_markup_mode=None)  # fmt: skip


@app.command("list", cls=Command)
def list_devices(
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
    from vlcalc.api.devices import devices

    show_report(devices(vendor=vendor, dtype=dtype, min_memory=min_memory), format, output)


@app.command("show", cls=Command)
def show_device(
    name: Annotated[str, typer.Argument(help="Name, alias or YAML file.")],
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Show all that is known of a device, with notes and sources."""
    from vlcalc.api.devices import describe_device

    show_report(describe_device(name), format, output)


@app.command("detect", cls=Command)
def show_detected(
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Show what this machine has: CUDA devices, MPS, CPU, and which of the list they are."""
    from vlcalc.api.devices import detect_devices

    show_report(detect_devices(), format, output)


@app.command("calibrate", cls=Command)
def calibrate_device(
    device: Annotated[
        str, typer.Option(metavar="auto|cuda|mps|cpu", help="auto: CUDA, then MPS, then the CPU.")
    ] = defaults.DEVICE,
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
    from vlcalc.api.devices import calibrate, calibration_target
    from vlcalc.cli.progress import DRAW_EVERY_S, steps
    from vlcalc.spec.devices import user_file
    from vlcalc.spec.listing import spec_yaml

    target = calibration_target(device, threads=threads)
    path = _checked(output, user_file(target.name))
    with steps(every_s=DRAW_EVERY_S) as on_step:
        spec = calibrate(device, threads=threads, on_step=on_step)
    write([spec_yaml(spec)], path)
    typer.echo(f"{target.reported_name} is measured: {path}", err=True)
    name = str(path) if output else spec.name
    typer.echo(
        f"predictions for this machine use it; `vlcalc devices show {name}` shows it", err=True
    )


@app.command("kernels", cls=Command)
def show_kernels(
    device: Annotated[
        str, typer.Argument(help="Name, alias or YAML file; `all` for each in the file.")
    ],
    against: Annotated[
        Path,
        typer.Option(
            metavar="FILE.csv",
            help="Measured products, attention, expert layers or collectives; by its columns.",
        ),
    ],
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Hold measured kernels against predicted ones: each row's error, and a summary by device."""
    from vlcalc.api.kernels import compare_kernels
    from vlcalc.cli.output import ONE_TABLE

    report = compare_kernels(device, against=against)
    show_report(report, format, output)
    if format in ONE_TABLE:  # the rows alone, which a summary would spoil
        summary = report.tables[-1]
        for row in summary.rows:
            pairs = zip(summary.columns, row, strict=True)
            typer.echo(", ".join(f"{column.title} {value}" for column, value in pairs), err=True)


def _checked(output: Path | None, own: Path) -> Path:
    """Return the file to write, checked before a minute is spent on measuring.

    Only the user's own folder of devices is made where it is missing.

    Raises:
        InputError: it is no YAML file, or it cannot be written.
    """
    from vlcalc.spec.catalogue import is_file_name

    if output is None:
        _make_folder(own.parent)
    elif not is_file_name(output.name):
        raise InputError(expected="a file ending in `.yaml`", got=f"`{output}`", where="--output")
    path = output or own
    check_writable(path, where="--output")
    return path


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK) else "no permission to write"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    if reason:
        raise InputError(
            expected="a folder that can be made and written",
            got=reason,
            where=str(folder),
            hint="`--output FILE.yaml` writes elsewhere",
        )
