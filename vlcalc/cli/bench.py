"""`vlcalc bench`: timed forward passes on this machine, beside what was predicted of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlcalc.cli.options import Format, Output
from vlcalc.core.errors import InputError

if TYPE_CHECKING:
    from vlcalc.measurement.bench import Bench
    from vlcalc.report.table import Table
    from vlcalc.runs.run import Measured, Run

INTERRUPTED = 130

Opt = typer.Option


def command(
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
    text: Annotated[str, Opt(metavar="N", help="Tokens of text in the prompt.")] = "50",
    batch: Annotated[str, Opt(metavar="N[,N]", help="Prompts at once, an image each.")] = "1",
    dtype: Annotated[
        str | None,
        Opt(metavar="DTYPE[,DTYPE]", help="float32, bfloat16, float16; bfloat16 on CUDA."),
    ] = None,
    device: Annotated[
        str, Opt(metavar="auto|cpu|cuda|mps", help="Where to time; auto: CUDA, MPS, CPU.")
    ] = "auto",
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
    ] = 0.2,
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
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Time fusion methods or a model's components here, beside what is predicted of them.

    Ctrl-C ends early and keeps what is done.
    """
    from vlcalc.api.compare import DEFAULT_METHODS
    from vlcalc.cli.output import check_writable
    from vlcalc.report.formats import FORMATS
    from vlcalc.runs.columns import COLUMNS
    from vlcalc.runs.file import load_run
    from vlcalc.runs.pairs import check_comparable

    _require_torch()
    from vlcalc.cli.bench_cases import Asked, asked_cases
    from vlcalc.measurement.bench import make_bench
    from vlcalc.measurement.environment import DEFAULT_DTYPE, available_device
    from vlcalc.measurement.run import Options, check_attention

    keys = None if columns is None else columns.split(",")
    COLUMNS.chosen(keys)
    FORMATS.get(format, where="--format")
    check_attention(sdpa)
    check_writable(save, where="--save")
    check_writable(output, where="--output")
    found = available_device(device)
    asked = Asked(
        model=model,
        methods=",".join(DEFAULT_METHODS) if model is None and methods is None else methods,
        vision=vision,
        language=language,
        image=image,
        res=res,
        tiles=tiles,
        text=text,
        batch=batch,
        dtype=DEFAULT_DTYPE[found] if dtype is None else dtype,
    )
    options = Options(
        device=found,
        min_time_s=min_time,
        longest_run_s=max_run,
        compiled=compile,
        attention=sdpa,
    )
    bench = make_bench(asked_cases(asked), options, threads=threads, peaks=peaks)
    saved = load_run(against, where="--against") if against else None
    if saved and not force:
        check_comparable(bench.environment, saved.environment, where=f"--against {against}")
    run = bench.run(_rows(bench))
    _show(run, saved, keys, format, output, save)
    _end(run, len(bench.cases))


def _require_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise InputError(
            expected="the extra `vlcalc[torch]`, which runs modules",
            got="no torch",
            hint="pip install 'vlcalc[torch]'",
        )


def _rows(bench: Bench) -> list[Measured]:
    """Return the rows of all cases, or of those that were done when Ctrl-C came."""
    from vlcalc.cli.progress import steps

    rows: list[Measured] = []
    timed = bench.rows()
    try:
        with steps(len(bench.cases)) as begin:
            for case in bench.cases:
                begin(case.target)
                rows.append(next(timed))
    except KeyboardInterrupt:
        pass
    return rows


def _show(
    run: Run,
    saved: Run | None,
    keys: Sequence[str] | None,
    format_name: str,
    output: Path | None,
    save: Path | None,
) -> None:
    from vlcalc.cli.output import show, write
    from vlcalc.runs.columns import run_table, summary_table
    from vlcalc.runs.file import to_json
    from vlcalc.runs.pairs import against_table, pairs_of

    if save:
        write([to_json(run)], save, where="--save")
    table = run_table(run, columns=keys)
    tables: list[Table] = [table]
    if summary := summary_table(run.rows):
        tables.append(summary)
    if saved:
        table = against_table(run, saved, pairs_of(run, saved))
        tables.append(table)
    show(tables, format_name, output, machines=table)


def _end(run: Run, num_cases: int) -> None:
    """End with the exit code of what became of the run."""
    if run.interrupted:
        typer.echo(f"interrupted: {len(run.rows)} of {num_cases} cases are done", err=True)
        raise typer.Exit(INTERRUPTED)
    if not any(row.median_s for row in run.rows):
        raise typer.Exit(1)
