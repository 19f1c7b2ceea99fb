"""A progress bar on stderr for work that lasts, where stderr is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TypeVar

PATIENCE_S = 1.0
UPDATE_EVERY = 100
DRAW_EVERY_S = 0.2

T = TypeVar("T")


def tracked(items: Iterable[T], source: Path | None = None) -> Iterator[T]:
    """Yield items, with a bar once they have taken more than a second.

    Args:
        items: what is worked on, one after another; finding the next may be what lasts.
        source: a file with a line for each; without it, how many there will be is not known.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task("", total=None)

    def begin() -> None:
        progress.start()
        if source is not None:
            progress.update(task, total=_num_lines(source))

    timer = Timer(PATIENCE_S, begin)
    timer.daemon = True
    timer.start()
    try:
        for number, item in enumerate(items, 1):
            yield item
            if number % UPDATE_EVERY == 0:
                progress.update(task, completed=number)
    finally:
        timer.cancel()
        timer.join()
        progress.stop()


def _num_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


@contextmanager
def steps(*, every_s: float = 0.0) -> Iterator[Callable[[int, int, str], None]]:
    """Yield what shows number, total and name of each step that begins; nothing in a pipe.

    The bar is drawn between steps alone: while one is timed, nothing else is to run.

    Args:
        every_s: seconds that lie between two drawings at least.
    """
    if not sys.stderr.isatty():
        yield lambda _number, _total, _name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("", total=None)
        drawn_s = 0.0

        def begin(number: int, total: int, name: str) -> None:
            nonlocal drawn_s
            now_s = time.monotonic()
            if now_s - drawn_s >= every_s:
                drawn_s = now_s
                progress.update(task, completed=number, total=total, description=name, refresh=True)

        yield begin
