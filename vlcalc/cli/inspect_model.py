"""`vlcalc inspect MODEL`: components, the four phases, the cache, and all memory of inference."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import cast

from vlcalc.api.sizes import size_of
from vlcalc.backbones.decoder import Logits
from vlcalc.cli.inspect import Asked, AskedLoad, require_torch
from vlcalc.cli.inspect_fusion import inspect_fusion
from vlcalc.cli.output import show
from vlcalc.core.dtypes import parse_dtype
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.core.units import parse_count
from vlcalc.inference import document, tables
from vlcalc.inference.inference import Inference, infer
from vlcalc.inference.load import Load, parse_attention, parse_kv_dtype
from vlcalc.inference.quantisation import parse_quantisation
from vlcalc.inference.stages import stage_named
from vlcalc.inference.verify import Check, verify
from vlcalc.report.table import Table
from vlcalc.runs.file import load_run
from vlcalc.serving.document import speed_document
from vlcalc.serving.latency import Speed, serve
from vlcalc.serving.latency import speed as predict_speed
from vlcalc.serving.tables import speed_table, with_latency
from vlcalc.serving.timed import Timed, timed
from vlcalc.serving.timed_tables import timed_document, timed_table, with_timed_phases
from vlcalc.spec.catalogue import is_file_name
from vlcalc.spec.devices import load_device
from vlcalc.spec.loader import load_any, load_fusion, load_spec
from vlcalc.spec.schema import FusionSpec, ModelSpec, Spec

DEFAULT_TEXT_TOKENS = 50
DEFAULT_OUTPUT_TOKENS = 128
DEFAULT_SIDE_PX = 1024  # of an image, where the encoder has no size of its own


def inspect_model(name: str, asked: Asked) -> None:
    """Write what a model is and what a request costs it."""
    spec = load_any(name) if is_file_name(name) else _named(name)
    if isinstance(spec, FusionSpec):
        inspect_fusion(name, asked)
        return
    if not isinstance(spec, ModelSpec):
        raise InputError(
            expected="a model whose architecture is known",
            got=f"`{name}`, of which only tokens and prices are",
            hint=f"`vlcalc tokens --model {name}`",
        )
    stage = stage_named(spec, asked.stage) if asked.stage is not None else None
    load = load_of(spec, asked)
    if asked.verify or asked.device is not None:
        require_torch()
    speed = _times(spec, load, asked)
    found = infer(spec, load, traced=find_spec("torch") is not None)
    checks = tuple(verify(found.plan)) if asked.verify else ()
    written = document.to_document(found, stage=stage, checks=checks)
    phases = tables.phase_table(found)
    if isinstance(speed, Timed):
        written["speed"] = timed_document(speed)
        phases = with_timed_phases(phases, speed)
    elif speed:
        written["speed"] = speed_document(speed)
        phases = with_latency(phases, speed)
    shown = list(_tables(found, phases, speed, checks))
    if stage:
        shown.append(tables.stage_table(found, stage))
    machines = shown[-1] if stage or checks else phases  # what was asked for above all
    show(shown, asked.format, asked.output, machines=machines, document=written)


def _times(spec: ModelSpec, load: Load, asked: Asked) -> Speed | Timed | None:
    """Return what phases take as timed, or on the device asked for; None without either."""
    device = None if asked.device is None else load_device(asked.device, where="--device")
    if asked.measured is not None:
        asked.refuse(("tp",), expected="no splitting of what `--measured` timed on one device")
        run = load_run(asked.measured, where="--measured")
        return timed(spec, load, run, device, where=f"--measured {asked.measured}")
    if device is None:
        asked.refuse(("tp",), expected="`--device NAME` beside it")
        return None
    return predict_speed(serve(spec, load, tp=asked.tp or 1), device)


def _named(name: str) -> Spec:
    """Return the model of a name; where a fusion method has it, say how that is asked for."""
    try:
        return load_spec(name)
    except InputError as error:
        try:
            load_fusion(name)
        except InputError:
            raise error from None
        raise InputError(
            expected="a model, or `fusion:NAME`", got=f"`{name}`", hint=f"`fusion:{name}`"
        ) from None


def _tables(
    found: Inference, phases: Table, speed: Speed | Timed | None, checks: tuple[Check, ...]
) -> Iterator[Table]:
    yield tables.description_table(found)
    yield tables.tree_table(found)
    yield phases
    if speed:
        yield timed_table(speed) if isinstance(speed, Timed) else speed_table(speed)
    yield tables.memory_table(found)
    if checks:
        yield tables.verify_table(checks)


def load_of(spec: ModelSpec, asked: AskedLoad) -> Load:
    """Return the request that was asked for.

    Raises:
        InputError: a size, number or name that cannot be.
    """
    logits = "last" if asked.logits is None else asked.logits
    if logits not in ("last", "all"):
        raise InputError(expected="`last` or `all`", got=f"`{logits}`", where="--logits")
    return Load(
        image=own_size(spec) if asked.image is None else size_of(asked.image, where="--image"),
        num_images=1 if asked.images is None else asked.images,
        text_tokens=_count(asked.text, DEFAULT_TEXT_TOKENS, where="--text"),
        output_tokens=_count(
            asked.output_tokens, DEFAULT_OUTPUT_TOKENS, where="--output-tokens", minimum=1
        ),
        batch_size=asked.batch_size(),
        dtype=parse_dtype(asked.dtype, where="--dtype"),
        kv_dtype=None
        if asked.kv_dtype is None
        else parse_kv_dtype(asked.kv_dtype, where="--kv-dtype"),
        quantisation=None
        if asked.quant is None
        else parse_quantisation(asked.quant, where="--quant"),
        logits=cast("Logits", logits),
        attention=parse_attention(asked.attention, where="--attention"),
    )


def _count(text: str | None, default: int, *, where: str, minimum: int = 0) -> int:
    return default if text is None else parse_count(text, where=where, minimum=minimum)


def own_size(spec: ModelSpec) -> ImageSize:
    """Return the square that a model's encoder was trained on; a usual one without any."""
    side = (spec.vision.image_size if spec.vision else None) or DEFAULT_SIDE_PX
    return ImageSize(side, side)
