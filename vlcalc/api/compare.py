"""`vlcalc.compare`: fusion methods side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vlcalc.api import defaults
from vlcalc.api.argument import Argument
from vlcalc.api.arguments import AnyRun, AnySize, can_trace, run_of, size_of
from vlcalc.comparison import columns as comparison_columns
from vlcalc.comparison.columns import (
    ACTIVATIONS_KEY,
    COLUMNS,
    check_baseline,
    comparison_table,
    criteria,
)
from vlcalc.comparison.methods import Comparison, compare_methods
from vlcalc.comparison.setting import Setting, make_setting
from vlcalc.core.dtypes import parse_dtype
from vlcalc.core.errors import InputError
from vlcalc.report.columns import Columns
from vlcalc.report.report import Report
from vlcalc.runs.run import Run
from vlcalc.runs.timed_comparison import TIMED_COLUMNS, TimedComparison, timed_rows, timing_notes
from vlcalc.spec.parts import chosen_methods, load_language, load_vision


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonView:
    """What of a comparison is shown, and how.

    Attributes:
        columns: keys of columns and groups; those for people by default.
        sort: key of the column to sort by; largest first with `-` before it.
        baseline: the method that every figure is shown as a ratio to.
        pareto: keys of two columns or more, in which to mark what nothing beats.
    """

    columns: Sequence[str] | None = None
    sort: str | None = None
    baseline: str | None = None
    pareto: Sequence[str] | None = None

    def keys(self, known: Columns[Comparison]) -> set[str]:
        """Return the keys of all columns that are shown or compared by.

        Raises:
            InputError: one of them is unknown, or no number where it has to be.
        """
        keys = {metric.column.key for metric in known.chosen(self.columns)}
        if self.sort is not None:
            keys.add(known.named(self.sort.removeprefix("-"), where="--sort").column.key)
        if self.pareto is not None:
            compared = set(criteria(self.pareto, known))
            if len(compared) < 2:
                raise InputError(
                    expected="two different columns or more",
                    got=f"`{','.join(self.pareto)}`",
                    where=Argument("pareto"),
                    hint="of a single one `sort` shows the best",
                )
            keys |= compared
        return keys


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodComparison:
    """Methods in one setting, in order; iterates over its rows.

    Attributes:
        run: a timed run whose timings stand beside the rows.
        view: what of it is shown.
    """

    rows: Sequence[Comparison]
    setting: Setting
    run: Run | None
    view: ComparisonView

    def __iter__(self) -> Iterator[Comparison]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Comparison:
        return self.rows[number]

    def report(self) -> Report:
        """Return a row for each method."""
        view, unbeaten, known = self.view, None, TIMED_COLUMNS if self.run else COLUMNS
        if view.pareto is not None:
            unbeaten = comparison_columns.pareto(self.rows, view.pareto, known=known)
        timed = [row for row in self.rows if isinstance(row, TimedComparison)]
        table = comparison_table(
            self.rows,
            columns=view.columns,
            known=known,
            baseline=view.baseline,
            unbeaten=unbeaten,
            title=self._title(),
            attention=self.setting.attention,
            notes=timing_notes(timed, self.run) if self.run else (),
        )
        return Report(tables=[table])

    def _title(self) -> str:
        setting = self.setting
        views = f"{setting.num_views} x " if setting.num_views > 1 else ""
        return (
            f"{setting.vision.title or setting.vision.name} -> "
            f"{setting.language.title or setting.language.name}: "
            f"{views}{setting.columns}x{setting.rows} visual tokens, "
            f"{setting.text_tokens} text tokens, batch {setting.batch_size}, {setting.dtype}"
        )


def compare(
    methods: Sequence[str] = defaults.METHODS,
    *,
    vision: str = defaults.VISION,
    language: str = defaults.LANGUAGE,
    image: AnySize | None = None,
    tile_px: int | None = None,
    num_tiles: int | None = None,
    text_tokens: int = defaults.TEXT_TOKENS,
    batch_size: int = defaults.BATCH_SIZE,
    dtype: str = defaults.DTYPE,
    attention: str = defaults.ATTENTION,
    activations: bool | None = None,
    measured: AnyRun | None = None,
    columns: Sequence[str] | None = None,
    sort: str | None = None,
    baseline: str | None = None,
    pareto: Sequence[str] | None = None,
) -> MethodComparison:
    """Return what fusion methods cost on one encoder and one language model.

    >>> import vlcalc
    >>> [row.image_tokens for row in vlcalc.compare(["mlp", "q_former"], activations=False)]
    [576, 32]

    Args:
        methods: presets, methods and groups by name.
        vision: the encoder by name or YAML file.
        language: the language model by name or YAML file.
        image: an image that is cut into as many tiles as cover it.
        tile_px: side of a tile in pixels; the encoder's own size by default.
        num_tiles: tiles in place of an image; a thumbnail comes on top of more than one.
        text_tokens: text tokens of the prompt.
        batch_size: prompts at once, each with one image.
        dtype: of weights, activations and caches: float32, bfloat16 or float16.
        attention: backend that peak activations are counted for: math, flash or efficient.
        activations: whether to run the modules on meta for their peak activations, which needs
            torch; by default where it is there and a column shows them.
        measured: a run of `bench`, or its file, whose timings in the same setting go along.
        columns: keys of columns and groups to show; those for people by default.
        sort: key of the column to sort by; largest first with `-` before it.
        baseline: the method that the report shows every figure as a ratio to.
        pareto: keys of two columns or more, in which the report marks what nothing beats.

    Raises:
        InputError: an unknown name or key, a size, count or dtype that cannot be, or a run that
            timed none of the methods in this setting.
        SpecError: a YAML file that is not valid.
    """
    view = ComparisonView(columns=columns, sort=sort, baseline=baseline, pareto=pareto)
    setting = make_setting(
        load_vision(vision),
        load_language(language),
        image=None if image is None else size_of(image),
        tile_px=tile_px,
        num_tiles=num_tiles,
        text_tokens=text_tokens,
        batch_size=batch_size,
        dtype=parse_dtype(dtype, where=Argument("dtype")),
        attention=attention,
    )
    run, where = (None, "") if measured is None else run_of(measured, "measured")
    known = TIMED_COLUMNS if run else COLUMNS
    keys = view.keys(known)
    chosen = chosen_methods(methods)
    if baseline is not None:
        check_baseline(baseline, [method.name for method in chosen])
    # Only peak activations run the modules: without them, and without torch, closed forms do.
    if activations is None:
        activations = ACTIVATIONS_KEY in keys and can_trace()
    rows: Sequence[Comparison] = compare_methods(chosen, setting, activations=activations)
    if run:
        rows = timed_rows(rows, setting, run, where=where)
    if sort is not None:
        rows = known.sorted(rows, sort)
    return MethodComparison(rows=rows, setting=setting, run=run, view=view)
