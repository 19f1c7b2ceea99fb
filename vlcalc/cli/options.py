"""Options that several commands have, each written once: its type, its form, its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

FORM = "table|csv|json|markdown"
DTYPES = "float32|bfloat16|float16"


def _known_format(name: str) -> str:
    """Refuse a format that there is not, before anything is computed."""
    from vlcalc.report.formats import FORMATS

    FORMATS.get(name, where="--format")
    return name


def _writable(output: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before anything is computed."""
    from vlcalc.cli.output import check_writable

    check_writable(output, where="--output")
    return output


Format = Annotated[
    str,
    Option("--format", "-f", metavar=FORM, help="Form of the output.", callback=_known_format),
]
Output = Annotated[
    Path | None,
    Option("--output", "-o", metavar="FILE", help="Write to a file instead.", callback=_writable),
]
OwnImage = Annotated[
    str | None, Option(metavar="WxH|FILE", help="Size of an image; the encoder's own by default.")
]
OutputTokens = Annotated[str | None, Option(metavar="N", help="Tokens of the answer; 128.")]
Prompt = Annotated[
    str | None,
    Option(metavar="TEXT", help="Text of the prompt itself, counted by the folder's tokenizer."),
]
Dtype = Annotated[str, Option(metavar=DTYPES, help="Of weights and activations.")]
DtypeOrStored = Annotated[
    str | None,
    Option(metavar=DTYPES, help="Of weights and activations; bfloat16, or weights as stored."),
]
KvDtype = Annotated[
    str | None, Option(metavar="DTYPE", help="Of the cache: also float8, int8; as --dtype.")
]
Quant = Annotated[
    str | None,
    Option(metavar="int8|float8|int4|nf4|nf4-double|none", help="Of the LLM's linear layers."),
]
TensorParallel = Annotated[
    int | None, Option(metavar="N", min=1, help="Devices that the LLM is split over; 1.")
]
Set = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the model: tiling.max_pixels=1003520; repeatable.",
    ),
]
