"""What `vlcalc devices calibrate` does: measure with a progress bar, write the device's file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from vlcalc.cli.output import check_writable, write
from vlcalc.core.errors import InputError
from vlcalc.spec.catalogue import is_file_name
from vlcalc.spec.devices import user_file
from vlcalc.spec.listing import spec_yaml

Progress = Callable[[int, int, str], None]
DRAW_EVERY_S = 0.2


def run(device: str, threads: int | None, output: Path | None) -> None:
    """Measure a device of this machine and keep what was measured.

    Raises:
        InputError: torch or the device is missing, or the file cannot be written.
    """
    _need_torch()
    import torch

    from vlcalc.measurement.calibrate import calibrate
    from vlcalc.measurement.environment import available_device
    from vlcalc.measurement.here import detected, own_name, with_calibration

    chosen = available_device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    num_threads = torch.get_num_threads()
    found = detected(chosen)
    path = _checked(output or user_file(own_name(found, num_threads)))
    with _bar() as on_progress:
        calibration = calibrate(chosen, on_progress=on_progress)
    spec = with_calibration(found, num_threads, calibration)
    write([spec_yaml(spec)], path)
    typer.echo(f"{found.name} is measured: {path}", err=True)
    name = str(path) if output else spec.name
    typer.echo(
        f"predictions for this machine use it; `vlcalc devices show {name}` shows it", err=True
    )


def _need_torch() -> None:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise InputError(
            expected="torch, which measuring needs",
            got="none installed",
            hint="pip install 'vlcalc[torch]'",
        )


def _checked(path: Path) -> Path:
    """Return the path, its folder made, before a minute is spent on measuring.

    Raises:
        InputError: it is no YAML file, or it cannot be written.
    """
    if not is_file_name(path.name):
        raise InputError(expected="a file ending in `.yaml`", got=f"`{path}`", where="--output")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(path.parent, os.W_OK) else "no permission to write"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    if reason:
        raise InputError(
            expected="a folder that can be made and written",
            got=reason,
            where=str(path.parent),
            hint="`--output FILE.yaml` writes elsewhere",
        )
    check_writable(path, where="--output")
    return path


@contextmanager
def _bar() -> Iterator[Progress | None]:
    """Yield what draws progress on stderr, or None where stderr is no terminal.

    The bar is drawn between benchmarks alone: while one is timed, nothing else is to run.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("calibrating")
        drawn_s = 0.0

        def draw(done: int, total: int, what: str) -> None:
            nonlocal drawn_s
            now_s = time.monotonic()
            if now_s - drawn_s < DRAW_EVERY_S:
                return
            drawn_s = now_s
            bar.update(task, completed=done, total=total, description=what, refresh=True)

        yield draw
