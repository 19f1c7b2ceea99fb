"""What an argument of the API is called on the command line, in errors too."""

from __future__ import annotations

from collections.abc import Iterator

from vlcalc.api.argument import Argument
from vlcalc.core.errors import InputError, VlcalcError

# Arguments of the API whose option has another name.
OPTIONS = {
    "num_frames": "frames",
    "num_images": "images",
    "text_tokens": "text",
    "batch_size": "batch",
}


def option_name(argument: str | None) -> str:
    """Return the option of an argument: `num_images` -> `--images`, `kv_dtype` -> `--kv-dtype`."""
    name = OPTIONS.get(argument or "", argument or "")
    return f"--{name.replace('_', '-')}"


def error_lines(error: VlcalcError) -> Iterator[str]:
    """Yield an error as it is printed, a line each; a place that is an argument as its option."""
    if isinstance(error, InputError) and isinstance(error.where, Argument):
        argument, *rest = error.where.split(" ", 1)
        error.where = " ".join([option_name(argument), *rest])
    yield from str(error).splitlines()
