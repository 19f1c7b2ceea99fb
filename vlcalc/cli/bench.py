"""`vlcalc bench`: timed forward passes on this machine, beside what was predicted of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcalc.api import defaults
from vlcalc.cli.edge import settings, show_report, whole_numbers, words
from vlcalc.cli.options import Format, Output, Set
from vlcalc.cli.progress import steps
from vlcalc.core.units import parse_count

INTERRUPTED = 130

Opt = typer.Option


def bench_command(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="Model whose components are timed, by name or file."),
    ] = None,
    methods: Annotated[
        str | None,
        Opt(metavar="NAME[,NAME]", help="Fusion presets, methods or groups; `all` for all."),
    ] = None,
    vision: Annotated[
        str | None,
        Opt(metavar="NAME", help="Vision encoder that methods are on; clip-vit-l-14-336."),
    ] = None,
    language: Annotated[
        str | None,
        Opt(metavar="NAME", help="Language model that methods are on; vicuna-7b-v1.5."),
    ] = None,
    image: Annotated[str | None, Opt(metavar="WxH|FILE[,...]", help="Sizes of the image.")] = None,
    res: Annotated[
        str | None,
        Opt(metavar="R[,R]", help="Sides in pixels: of a tile, or of a model's square image."),
    ] = None,
    tiles: Annotated[
        str | None, Opt(metavar="N[,N]", help="Numbers of tiles; a thumbnail comes on top.")
    ] = None,
    text: Annotated[str, Opt(metavar="N", help="Tokens of text in the prompt.")] = str(
        defaults.TEXT_TOKENS
    ),
    batch: Annotated[str, Opt(metavar="N[,N]", help="Prompts at once, an image each.")] = str(
        defaults.BATCH_SIZE
    ),
    dtype: Annotated[
        str | None,
        Opt(metavar="DTYPE[,DTYPE]", help="float32, bfloat16, float16; bfloat16 on CUDA."),
    ] = None,
    device: Annotated[
        str, Opt(metavar="auto|cpu|cuda|mps", help="Where to time; auto: CUDA, MPS, CPU.")
    ] = defaults.DEVICE,
    threads: Annotated[
        int | None, Opt(metavar="N", min=1, help="Threads of the CPU; all by default.")
    ] = None,
    compile: Annotated[  # noqa: A002
        bool, Opt("--compile", help="Time modules after torch.compile.")
    ] = False,
    sdpa: Annotated[
        str | None,
        Opt(metavar="flash|efficient|math|cudnn", help="Attention kernel; torch's own choice."),
    ] = None,
    peaks: Annotated[
        str | None,
        Opt(metavar="NAME", help="Device to predict for, by name or file; this one by default."),
    ] = None,
    min_time: Annotated[
        float, Opt(metavar="S", min=0.001, max=3600, help="Seconds that a case is timed for.")
    ] = defaults.MIN_TIME_S,
    max_run: Annotated[
        float | None,
        Opt(metavar="S", min=0.001, help="Leave out cases whose one run would last longer."),
    ] = None,
    save: Annotated[Path | None, Opt(metavar="FILE.json", help="Keep the run in a file.")] = None,
    against: Annotated[
        Path | None, Opt(metavar="FILE.json", help="Compare with a run that was kept.")
    ] = None,
    force: Annotated[
        bool, Opt("--force", help="Compare with a run of another device, dtype or threads too.")
    ] = False,
    columns: Annotated[
        str | None,
        Opt(metavar="KEY[,KEY]", help="Columns, or a group: latency, throughput, memory, all."),
    ] = None,
    set: Set = None,  # noqa: A002
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Time fusion methods or a model's components here, beside what is predicted of them.

    Ctrl-C ends early and keeps what is done.
    """
    from vlcalc.api.bench import bench, check_columns, run_report
    from vlcalc.cli.output import check_writable, write
    from vlcalc.runs.file import to_json

    keys = words(columns)
    check_columns(keys)
    check_writable(save, where="--save")
    num_cases = 0
    with steps() as show_step:

        def on_step(number: int, total: int, name: str) -> None:
            nonlocal num_cases
            num_cases = total
            show_step(number, total, name)

        run = bench(
            words(methods),
            model=model,
            overrides=settings(set),
            vision=vision,
            language=language,
            images=words(image) or (),
            sides_px=whole_numbers(res, "res"),
            num_tiles=whole_numbers(tiles, "tiles"),
            text_tokens=parse_count(text, where="--text"),
            batch_sizes=whole_numbers(batch, "batch"),
            dtypes=words(dtype) or (),
            device=device,
            threads=threads,
            attention=sdpa,
            compiled=compile,
            peaks=peaks,
            min_time_s=min_time,
            longest_run_s=max_run,
            against=against,
            force=force,
            on_step=on_step,
        )
    if save:
        write([to_json(run)], save, where="--save")
    show_report(run_report(run, columns=keys, against=against), format, output)
    if run.interrupted:
        typer.echo(f"interrupted: {len(run.rows)} of {num_cases} cases are done", err=True)
        raise typer.Exit(INTERRUPTED)
    if not any(row.median_s for row in run.rows):
        raise typer.Exit(1)
