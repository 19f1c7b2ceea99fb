"""`vlcalc inspect`: a model in its four phases, or a fusion method in full, counted on meta."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from vlcalc.cli.options import (
    Dtype,
    Format,
    KvDtype,
    Output,
    OutputTokens,
    OwnImage,
    Quant,
    TensorParallel,
)
from vlcalc.core.errors import InputError

PREFIX = "fusion:"
OF_A_MODEL = (
    *("image", "images", "output_tokens", "kv_dtype", "quant", "logits", "stage"),
    *("device", "tp", "measured"),
)
OF_A_METHOD = ("vision_width", "text_width", "grid", "views", "depth")

Opt = typer.Option


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedLoad:
    """The options that say what a model is asked to do, as the user typed them."""

    image: str | None
    images: int | None
    text: str | None
    output_tokens: str | None
    batch: str
    dtype: str
    kv_dtype: str | None
    quant: str | None
    logits: str | None = None
    attention: str = "flash"

    def batch_size(self) -> int:
        """Return the number of prompts, or of images, at once."""
        from vlcalc.core.units import parse_count

        return parse_count(self.batch, where="--batch", minimum=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked(AskedLoad):
    """The options of `vlcalc inspect` as the user typed them; None where they did not."""

    stage: str | None
    device: str | None
    tp: int | None
    measured: Path | None
    verify: bool
    vision_width: int | None
    text_width: int | None
    grid: str | None
    views: int | None
    depth: int | None
    format: str
    output: Path | None

    def refuse(self, options: tuple[str, ...], *, expected: str) -> None:
        """Refuse options that are for something else.

        Raises:
            InputError: one of them was given.
        """
        for option in options:
            value = getattr(self, option)
            if value is not None:
                name = f"--{option.replace('_', '-')}"
                raise InputError(expected=expected, got=f"`{value}`", where=name)


def command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|fusion:NAME",
            help="Model by name or YAML file; a fusion method by preset, kind, or YAML file.",
        ),
    ],
    image: OwnImage = None,
    images: Annotated[int | None, Opt(metavar="N", help="Images of a prompt; 1.")] = None,
    text: Annotated[
        str | None, Opt(metavar="N", help="Tokens of text; 50 of a model, 128 of a method.")
    ] = None,
    output_tokens: OutputTokens = None,
    batch: Annotated[str, Opt(metavar="N", help="Prompts (of a method: images) at once.")] = "1",
    dtype: Dtype = "bfloat16",
    kv_dtype: KvDtype = None,
    quant: Quant = None,
    logits: Annotated[
        str | None, Opt(metavar="last|all", help="Positions of the prompt with logits; last.")
    ] = None,
    stage: Annotated[
        str | None, Opt(metavar="NAME", help="Show what a training stage trains and freezes.")
    ] = None,
    device: Annotated[
        str | None, Opt(metavar="NAME", help="Predict latency on a device of `devices list`.")
    ] = None,
    tp: TensorParallel = None,
    measured: Annotated[
        Path | None,
        Opt(metavar="FILE.json", help="Show the timings of a run of `vlcalc bench MODEL --save`."),
    ] = None,
    attention: Annotated[
        str, Opt(metavar="math|flash|efficient|cpu", help="Attention kernel, for memory.")
    ] = "flash",
    verify: Annotated[
        bool, Opt("--verify", help="Show closed form, fvcore and torch's counter side by side.")
    ] = False,
    vision_width: Annotated[
        int | None, Opt(metavar="N", min=1, help="Method: width of a visual token.")
    ] = None,
    text_width: Annotated[
        int | None, Opt(metavar="N", min=1, help="Method: width of the language model.")
    ] = None,
    grid: Annotated[
        str | None, Opt(metavar="CxR", help="Method: visual tokens of one encoder input.")
    ] = None,
    views: Annotated[
        int | None, Opt(metavar="N", min=1, help="Method: encoder inputs of an image.")
    ] = None,
    depth: Annotated[
        int | None, Opt(metavar="N", min=0, help="Method: levels of submodules to show; 2.")
    ] = None,
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Show what a model costs: parameters, and encode, fuse, prefill, decode for a request.

    With `--device`, what each phase takes there is predicted; with `--measured`, it is what a run
    timed.

    `fusion:NAME` shows one fusion method instead: what it is, and what each of its submodules and
    operators costs, for the dims of the published design, else CLIP ViT-L/14-336 and Vicuna-7B.
    """
    options: dict[str, Any] = {key: value for key, value in locals().items() if key != "model"}
    asked = Asked(**options)
    if model.startswith(PREFIX):
        from vlcalc.cli.inspect_fusion import inspect_fusion

        asked.refuse(OF_A_MODEL, expected="an option of fusion methods; this one is for models")
        inspect_fusion(_name(model), asked)
    else:
        from vlcalc.cli.inspect_model import inspect_model

        asked.refuse(OF_A_METHOD, expected="an option of models; this one is for `fusion:NAME`")
        inspect_model(model, asked)


def _name(part: str) -> str:
    if part == PREFIX:
        raise InputError(
            expected="`fusion:NAME`", got=f"`{part}`", hint="such as `fusion:llava-1.5-7b-mlp`"
        )
    return part.removeprefix(PREFIX)


def require_torch() -> None:
    """Refuse to count modules where torch or fvcore is missing.

    Raises:
        InputError: one of them is.
    """
    missing = [name for name in ("torch", "fvcore") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            expected="the extra `vlcalc[torch]`, which counts modules",
            got=f"no {' and no '.join(missing)}",
            hint="pip install 'vlcalc[torch]'",
        )
