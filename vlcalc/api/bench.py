"""`vlcalc.bench`: timed forward passes on this machine; `vlcalc.calibrate`: its rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from vlcalc.api import defaults
from vlcalc.api.argument import Argument
from vlcalc.api.arguments import AnyRun, AnySize, require_torch, run_of, size_of
from vlcalc.api.loads import whole_model_of
from vlcalc.core.dtypes import parse_dtype
from vlcalc.core.errors import InputError
from vlcalc.report.report import Report
from vlcalc.runs.columns import COLUMNS, run_table, summary_table
from vlcalc.runs.pairs import against_table, check_comparable, pairs_of
from vlcalc.runs.run import Measured, Run
from vlcalc.spec.parts import chosen_methods, load_language, load_vision
from vlcalc.spec.schema import ModelSpec

if TYPE_CHECKING:
    from vlcalc.measurement.bench import Bench

OnStep = Callable[[int, int, str], None]


def bench(
    methods: Sequence[str] | None = None,
    *,
    model: str | ModelSpec | None = None,
    overrides: Mapping[str, object] | None = None,
    vision: str | None = None,
    language: str | None = None,
    images: Sequence[AnySize] = (),
    sides_px: Sequence[int] = (),
    num_tiles: Sequence[int] = (),
    text_tokens: int = defaults.TEXT_TOKENS,
    batch_sizes: Sequence[int] = (defaults.BATCH_SIZE,),
    dtypes: Sequence[str] = (),
    device: str = defaults.DEVICE,
    threads: int | None = None,
    attention: str | None = None,
    compiled: bool = False,
    peaks: str | None = None,
    min_time_s: float = defaults.MIN_TIME_S,
    longest_run_s: float | None = None,
    against: AnyRun | None = None,
    force: bool = False,
    on_step: OnStep | None = None,
    on_row: Callable[[Measured], None] | None = None,
) -> Run:
    """Return what forward passes take on this machine, beside what was predicted of them.

    Several values of an argument make a case of each combination. A case that does not go with
    its conditions or with the device is a row with an `error`. Ctrl-C ends early and keeps what is
    done: the run is `interrupted` then.

    Args:
        methods: fusion presets, methods and groups by name; ten usual ones where neither these
            nor a model are given.
        model: the model whose components are timed, by name or as a spec.
        overrides: keys of the model's spec by dotted path, with other values.
        vision: the encoder that methods are on, by name or YAML file.
        language: the language model that methods are on, by name or YAML file.
        images: sizes of the image.
        sides_px: sides in pixels, of a tile for methods, of a square image for a model; the
            encoder's own by default.
        num_tiles: numbers of tiles in place of images, for methods.
        text_tokens: text tokens of the prompt.
        batch_sizes: prompts at once, each with one image.
        dtypes: of weights and activations; bfloat16 on CUDA, else float32.
        device: `auto` (CUDA, then MPS, then the CPU), `cpu`, `cuda` or `mps`.
        threads: of the CPU; as many as torch takes by default.
        attention: `flash`, `efficient`, `math` or `cudnn`; torch's own choice by default.
        compiled: whether modules go through `torch.compile`.
        peaks: the device to predict for, by name or YAML file; by default this machine's.
        min_time_s: what the timed blocks of a case last together at least.
        longest_run_s: cases of which one run is expected to last longer are left out.
        against: a run that this one is to be compared with, or its file.
        force: whether that may be of another device, dtype or number of threads.
        on_step: called with number, total and name of each case that begins.
        on_row: called with each row as soon as it is there.

    Raises:
        InputError: an unknown name or device, a size, count or dtype that cannot be, or a run that
            cannot be compared with this one.
        SpecError: a YAML file that is not valid.
    """
    require_torch("runs modules")
    from vlcalc.measurement.bench import cases_of, make_bench
    from vlcalc.measurement.environment import DEFAULT_DTYPE, available_device
    from vlcalc.measurement.run import Options, check_attention
    from vlcalc.measurement.targets import Choices

    saved, where = (None, "") if against is None else run_of(against, "against")
    check_attention(attention)
    here = available_device(device)
    if methods is None and model is None:
        methods = defaults.METHODS
    _refuse_parts_of_a_model(methods, vision=vision, language=language)
    names = dtypes or (DEFAULT_DTYPE[here],)
    choices = Choices(
        images=tuple(size_of(image) for image in images),
        tile_sides_px=sides_px or (None,),
        num_tiles=num_tiles or (None,),
        batch_sizes=batch_sizes,
        dtypes=tuple(dict.fromkeys(parse_dtype(name, where=Argument("dtype")) for name in names)),
        text_tokens=text_tokens,
    )
    cases = cases_of(
        None if model is None else whole_model_of(model, overrides),
        chosen_methods(methods or ()),
        load_vision(vision or defaults.VISION),
        load_language(language or defaults.LANGUAGE),
        choices,
    )
    options = Options(
        device=here,
        min_time_s=min_time_s,
        longest_run_s=longest_run_s,
        compiled=compiled,
        attention=attention,
    )
    prepared = make_bench(cases, options, threads=threads, peaks=peaks)
    if saved and not force:
        check_comparable(prepared.environment, saved.environment, where=where)
    return prepared.run(_rows(prepared, on_step, on_row))


def _refuse_parts_of_a_model(methods: Sequence[str] | None, **parts: str | None) -> None:
    for argument, name in parts.items():
        if name is not None and methods is None:
            raise InputError(
                expected="methods that are put on it",
                got=f"`{name}`",
                where=Argument(argument),
                hint="a model has parts of its own; `--methods` names fusion methods",
            )


def _rows(
    prepared: Bench, on_step: OnStep | None, on_row: Callable[[Measured], None] | None
) -> list[Measured]:
    """Return the rows of all cases, or of those that were done when Ctrl-C came."""
    rows: list[Measured] = []
    timed = prepared.rows()
    try:
        for number, case in enumerate(prepared.cases):
            if on_step:
                on_step(number, len(prepared.cases), case.target)
            rows.append(next(timed))
            if on_row:
                on_row(rows[-1])
    except KeyboardInterrupt:
        pass
    return rows


def run_report(
    run: Run, *, columns: Sequence[str] | None = None, against: AnyRun | None = None
) -> Report:
    """Return the rows of a run, how far predictions were off, and a saved run beside it.

    Raises:
        InputError: an unknown column.
    """
    table = run_table(run, columns=columns)
    summary = summary_table(run.rows)
    tables = [table, *([summary] if summary else [])]
    if against is not None:
        saved, _ = run_of(against, "against")
        table = against_table(run, saved, pairs_of(run, saved))
        tables.append(table)
    return Report(tables=tables, machines=table)


def check_columns(columns: Sequence[str] | None) -> None:
    """Refuse unknown columns of a run; raises InputError."""
    COLUMNS.chosen(columns)
