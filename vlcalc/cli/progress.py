"""A progress bar on stderr for work that lasts, where stderr is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vlcalc.core.image_headers import find_images
from vlcalc.tokens.sizes import Sized

PATIENCE_S = 1.0
UPDATE_EVERY = 2000
DRAW_EVERY_S = 0.2


def tracked(sizes: Iterator[Sized], source: Path) -> Iterator[Sized]:
    """Yield `sizes`, with a bar once they have taken more than a second."""
    if not sys.stderr.isatty():
        yield from sizes
        return
    start = time.monotonic()
    seen = 0
    for sized in sizes:
        yield sized
        seen += 1
        if seen % UPDATE_EVERY == 0 and time.monotonic() - start > PATIENCE_S:
            break
    else:
        return
    yield from _with_bar(sizes, seen, _total(source))


def _with_bar(sizes: Iterator[Sized], seen: int, total: int) -> Iterator[Sized]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("counting", total=total, completed=seen)
        for number, sized in enumerate(sizes, 1):
            yield sized
            if number % UPDATE_EVERY == 0:
                progress.update(task, completed=seen + number)


def _total(source: Path) -> int:
    if source.is_dir():
        return sum(1 for _ in find_images(str(source)))
    with source.open("rb") as file:
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
