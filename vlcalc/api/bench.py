"""`vlcalc.bench`: timed forward passes on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vlcalc.api.compare import DEFAULT_METHODS
from vlcalc.api.loads import model_of
from vlcalc.api.sizes import AnySize, size_of
from vlcalc.core.dtypes import parse_dtype
from vlcalc.runs.run import Measured, Run
from vlcalc.spec.parts import chosen_methods, load_language, load_vision
from vlcalc.spec.schema import ModelSpec


def bench(
    methods: Sequence[str] | None = None,
    *,
    model: str | ModelSpec | None = None,
    vision: str = "clip-vit-l-14-336",
    language: str = "vicuna-7b-v1.5",
    images: Sequence[AnySize] = (),
    sides_px: Sequence[int] = (),
    num_tiles: Sequence[int] = (),
    text_tokens: int = 50,
    batch_sizes: Sequence[int] = (1,),
    dtypes: Sequence[str] = (),
    device: str = "auto",
    threads: int | None = None,
    attention: str | None = None,
    compiled: bool = False,
    peaks: str | None = None,
    min_time_s: float = 0.2,
    longest_run_s: float | None = None,
    on_row: Callable[[Measured], None] | None = None,
) -> Run:
    """Return what forward passes take on this machine, beside what was predicted of them.

    Several values of an argument make a case of each combination. A case that does not go with
    its conditions or with the device is a row with an `error`.

    Args:
        methods: fusion presets, methods and groups by name; ten usual ones where neither these
            nor a model are given.
        model: the model whose components are timed, by name or as a spec.
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
        on_row: called with each row as soon as it is there, so that an interruption loses none.

    Raises:
        InputError: an unknown name or device, or a size, count or dtype that cannot be.
        SpecError: a YAML file that is not valid.
    """
    from vlcalc.measurement.bench import cases_of, make_bench
    from vlcalc.measurement.environment import DEFAULT_DTYPE, available_device
    from vlcalc.measurement.run import Options, check_attention
    from vlcalc.measurement.targets import Choices

    found = available_device(device)
    check_attention(attention)
    choices = Choices(
        images=tuple(size_of(image) for image in images),
        tile_sides_px=sides_px or (None,),
        num_tiles=num_tiles or (None,),
        batch_sizes=batch_sizes,
        dtypes=tuple(parse_dtype(name) for name in dtypes or (DEFAULT_DTYPE[found],)),
        text_tokens=text_tokens,
    )
    usual = DEFAULT_METHODS if model is None else ()
    cases = cases_of(
        None if model is None else model_of(model),
        chosen_methods(usual if methods is None else methods),
        load_vision(vision),
        load_language(language),
        choices,
    )
    options = Options(
        device=found,
        min_time_s=min_time_s,
        longest_run_s=longest_run_s,
        compiled=compiled,
        attention=attention,
    )
    prepared = make_bench(cases, options, threads=threads, peaks=peaks)
    rows: list[Measured] = []
    for row in prepared.rows():
        rows.append(row)
        if on_row:
            on_row(row)
    return prepared.run(rows)
