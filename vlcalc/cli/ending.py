"""How the command line ends.

Exit codes: 0 done; 1 wrong input, or a budget that is broken; 2 wrong usage; else as a shell
reports a signal, 128 and its number: 130 for Ctrl-C, 141 where the reader of our output has gone,
129 and 143 for SIGHUP and SIGTERM.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

import typer

from vlcalc.cli.option_names import error_lines
from vlcalc.core.errors import VlcalcError

INTERRUPTED = 130
READER_GONE = 141
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
SIGNALS = (signal.SIGTERM,) if sys.platform == "win32" else (signal.SIGTERM, signal.SIGHUP)


def end_unread() -> NoReturn:
    """End silently: the reader of our output has gone, as `head` does."""
    if sys.stdout is not None:  # or Python would fail once more when it closes it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(READER_GONE)


def fail(*errors: VlcalcError) -> NoReturn:
    """End with exit code 1 and the errors of the user, a line each."""
    with suppress(OSError):  # a stderr that is full or closed cannot be told
        for line in (line for error in errors for line in error_lines(error)):
            typer.echo(f"error: {line}", err=True)
    sys.exit(1)


def fills_stdout(error: BaseException) -> bool:
    """Tell whether an error is of a stream that takes no more; one of a file names the file."""
    return isinstance(error, OSError) and error.errno in FULL and not error.filename


def lacks_memory(error: BaseException) -> bool:
    """Tell whether an error is for want of memory.

    Where the address space is limited (`ulimit -v`), libraries fail to load in ways of their own.
    """
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if sys.platform == "win32" or not isinstance(error, ImportError | SystemError):
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as an exception does, so that nothing half is left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is signal.SIG_DFL:  # `nohup` ignores one of them, and means it
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
