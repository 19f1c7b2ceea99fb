"""`vlcalc inspect`: a model in its four phases, or a fusion method in full, counted on meta."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcalc.api import defaults
from vlcalc.cli.edge import given, refuse, settings, show_report, text_length, whole_number
from vlcalc.cli.options import (
    DtypeOrStored,
    Format,
    KvDtype,
    Output,
    OutputTokens,
    OwnImage,
    Prompt,
    Quant,
    Set,
    TensorParallel,
)
from vlcalc.core.units import parse_grid

OF_A_MODEL = (
    *("image", "images", "output_tokens", "kv_dtype", "quant", "logits", "stage"),
    *("device", "tp", "measured"),
)
OF_A_METHOD = ("vision_width", "text_width", "grid", "views", "depth")

Opt = typer.Option


def inspect_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|PART|fusion:NAME",
            help="Model or part by name or YAML file; a fusion method by preset, kind or file.",
        ),
    ],
    image: OwnImage = None,
    images: Annotated[int | None, Opt(metavar="N", help="Images of a prompt; 1.")] = None,
    text: Annotated[
        str | None, Opt(metavar="N", help="Tokens of text; 50 of a model, 128 of a method.")
    ] = None,
    prompt: Prompt = None,
    output_tokens: OutputTokens = None,
    batch: Annotated[str, Opt(metavar="N", help="Prompts (of a method: images) at once.")] = str(
        defaults.BATCH_SIZE
    ),
    dtype: DtypeOrStored = None,
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
    ] = defaults.ATTENTION,
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
    set: Set = None,  # noqa: A002
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Show what a model costs: parameters, and encode, fuse, prefill, decode for a request.

    With `--device`, what each phase takes there is predicted; with `--measured`, it is what a run
    timed.

    An encoder or a language model by itself is shown like a model, as far as it goes; where a model
    has the same name, it is `vision:NAME` or `language:NAME`.

    `fusion:NAME` shows one fusion method instead: what it is, and what each of its submodules and
    operators costs, for the dims of the published design, else CLIP ViT-L/14-336 and Vicuna-7B.
    """
    options = dict(locals())
    from vlcalc.api.loads import subject_of
    from vlcalc.spec.schema import FusionSpec

    subject = subject_of(model, settings(set))
    request = given(
        text_tokens=text_length(text, prompt, model),
        batch_size=whole_number(batch, "batch", minimum=1),
        dtype=dtype,
        attention=attention,
        verify=verify,
    )
    if isinstance(subject, FusionSpec):
        from vlcalc.api.inspect_method import inspect_method

        refuse(options, OF_A_MODEL, expected="an option of fusion methods; this one is for models")
        request |= given(
            vision_width=vision_width,
            text_width=text_width,
            grid=None if grid is None else parse_grid(grid, where="--grid"),
            views=views,
            depth=depth,
        )
        show_report(inspect_method(subject, **request).report(), format, output)
        return
    from vlcalc.api.inspect import inspect

    refuse(options, OF_A_METHOD, expected="an option of models; this one is for `fusion:NAME`")
    request |= given(
        num_images=images,
        output_tokens=whole_number(output_tokens, "output-tokens", minimum=1),
        kv_dtype=kv_dtype,
        quant=quant,
        logits=logits,
        stage=stage,
        device=device,
        tp=tp,
        measured=measured,
    )
    show_report(inspect(model, image, **request).report(), format, output)
