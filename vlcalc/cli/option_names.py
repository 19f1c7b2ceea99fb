"""What an argument of the API is called on the command line, in errors too."""

from __future__ import annotations

from collections.abc import Iterator

from vlcalc.api.argument import Argument
from vlcalc.core.errors import InputError, SpecError, VlcalcError

# Arguments of the API whose option has another name.
OPTIONS = {
    "num_frames": "frames",
    "num_images": "images",
    "text_tokens": "text",
    "batch_size": "batch",
    "overrides": "set",
}


def option_name(argument: str | None) -> str:
    """Return the option of an argument: `num_images` -> `--images`, `kv_dtype` -> `--kv-dtype`."""
    name = OPTIONS.get(argument or "", argument or "")
    return f"--{name.replace('_', '-')}"


def error_lines(error: VlcalcError) -> Iterator[str]:
    """Yield an error as it is printed, a line each; a place that is an argument as its option."""
    for part in error.errors if isinstance(error, SpecError) else (error,):
        if isinstance(part, InputError) and isinstance(part.where, Argument):
            argument, *rest = part.where.split(" ", 1)
            part.where = " ".join([option_name(argument), *rest])
    yield from str(error).splitlines()
