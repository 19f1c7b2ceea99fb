"""What inference costs, as tables: the request, the tree, the phases, memory, stage, checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vlcalc.core import units
from vlcalc.core.install import install_hint
from vlcalc.inference.inference import Inference
from vlcalc.inference.plan import is_late
from vlcalc.inference.stages import loaded_params, stage_parts, trainable_params
from vlcalc.inference.tree import tree
from vlcalc.inference.verify import Check
from vlcalc.report.table import Column, Table
from vlcalc.spec.schema import ModelSpec, TrainingStage

FACTS = (Column("key", "", "text"), Column("value", "", "text"))
TREE = (
    Column("part", "component", "text"),
    Column("params", "parameters"),
    Column("share", "share", "share", 8),
    Column("weight_bytes", "weights", "bytes"),
    Column("source", "source", "text", 2),
)
PHASES = (
    Column("phase", "phase", "text"),
    Column("num_tokens", "tokens"),
    Column("flops", "FLOPs", "flops"),
    Column("moved_bytes", "bytes moved", "bytes", 6),
    Column("intensity", "FLOPs/byte", "ratio", 5),
    Column("peak_activation_bytes", "peak activations", "bytes", 8),
)
MEMORY = (
    Column("memory", "memory of inference", "text"),
    Column("bytes", "bytes", "bytes"),
    Column("share", "share", "share", 4),
)
STAGE = (
    Column("component", "component", "text"),
    Column("state", "in this stage", "text"),
    Column("params", "parameters"),
    Column("share", "share", "share"),
)
CHECKS = (
    Column("quantity", "quantity", "text"),
    Column("path", "of", "text"),
    Column("closed_form", "closed form"),
    Column("counted", "on meta (FLOPs: 2 x fvcore)"),
    Column("torch", "torch FlopCounterMode"),
    Column("verdict", "verdict", "text"),
)
ABSORBED = (
    "A decoded token attends to the cached latents as they are: the absorbed form of "
    "arXiv:2405.04434, section 2.1.2, which engines run. transformers expands the whole cache for "
    "every token, which takes more FLOPs."
)
ALL_EQUAL = "Every count is the same each way ({} counts)."
UNEQUAL = "{} of {} counts differ."


def description_table(inference: Inference) -> Table:
    """Return what the model is and what is asked of it."""
    spec, load, budget = inference.plan.spec, inference.plan.load, inference.plan.budget
    rows = [
        *_part_rows(inference),
        ("request", load.words(spec.components, answers=spec.language.generates)),
        ("formats", load.formats(spec.components)),
    ]
    if "language" in spec.components:
        rows += [("sequence", _sequence(inference)), ("context", _context(inference))]
    notes = tuple(note for note in (budget.caveat, budget.doubt, _namesake(spec)) if note)
    return Table(FACTS, rows, title=": ".join(filter(None, (spec.name, spec.title))), notes=notes)


def _namesake(spec: ModelSpec) -> str:
    """Return how to ask for an encoder that has the model's name; "" where it has its own."""
    if "fusion" not in spec.components or spec.vision is None or spec.vision.name != spec.name:
        return ""
    return f"Its encoder by itself is `vision:{spec.name}`."


def _part_rows(inference: Inference) -> Iterator[tuple[str, str]]:
    """Yield what the model consists of; of an encoder by itself, what it makes of an image."""
    spec, parts = inference.plan.spec, inference.plan.spec.components
    if "vision" in parts:
        titles = [vision.title or vision.name for vision in spec.encoders]
        yield "vision", " and ".join(titles) or "none"
        yield (
            ("tiling", _tiling(inference)) if "fusion" in parts else ("tokens", _vectors(inference))
        )
    if "fusion" in parts:
        yield "fusion", f"{spec.fusion.kind}, {spec.fusion.taxonomy}" if spec.fusion else "unknown"
    if "language" in parts:
        yield "language", spec.language.title or spec.language.name


def _tiling(inference: Inference) -> str:
    if not inference.plan.load.num_images:
        return f"{inference.plan.spec.tiling.kind}: no image"
    shown = []
    for view in inference.plan.budget.tiling.views:
        name = view.name if view.number == 1 or view.name.endswith("s") else f"{view.name}s"
        patches = f" of {view.columns}x{view.rows} patches" if view.columns else ""
        shown.append(f"{view.number} {name}{patches}")
    return f"{inference.plan.spec.tiling.kind}: " + ", ".join(shown)


def _vectors(inference: Inference) -> str:
    """Return the positions of an image in an encoder; unknown where it is not modelled."""
    calls = inference.plan.encoder_calls
    if not calls or calls[0].vision.encoder is None:
        return units.UNKNOWN
    encoder, columns, rows = calls[0].vision.encoder, calls[0].columns, calls[0].rows
    inputs = "features of another encoder" if encoder.reads_features else "patches"
    tiles = f"{encoder.tiles.max_tiles} tiles of " if encoder.tiles else ""
    length = encoder.sequence_length(columns, rows)
    return f"{length:,} positions an image, of {tiles}{columns}x{rows} {inputs}"


def _context(inference: Inference) -> str:
    plan, window = inference.plan, inference.plan.budget.context_window
    if window is None:
        return units.UNKNOWN
    left = f"{units.format_count(plan.tokens_left)} left"
    beside = " beside the answer" if plan.spec.language.generates else ""
    return f"{units.format_share(plan.window_share)} of {window:,}; {left}{beside}"


def _sequence(inference: Inference) -> str:
    budget = inference.plan.budget
    parts = [f"{inference.plan.load.text_tokens:,} text"]
    if "vision" in inference.plan.spec.components and not is_late(inference.plan.spec):
        parts += [f"{budget.image_tokens:,} image"]
        parts += [f"{budget.extra_tokens:,} extra"] if budget.extra_tokens else []
    crossed = f"; {budget.context_tokens:,} vectors cross-attended" if budget.context_tokens else ""
    return f"{inference.plan.sequence_length:,} positions: {' + '.join(parts)}{crossed}"


def tree_table(inference: Inference) -> Table:
    """Return components and their parts, with parameters and weight bytes."""
    total = inference.params.total
    rows = []
    for part in tree(inference):
        share = part.params / total if total and part.params is not None else None
        name = "  " * part.level + part.name
        rows.append((name, part.params, share, part.weight_bytes, part.source))
    return Table(TREE, rows)


def phase_table(inference: Inference) -> Table:
    """Return the four phases and their sum."""
    rows: list[tuple[Any, ...]] = [
        (
            cost.phase,
            cost.num_tokens,
            cost.flops,
            cost.moved_bytes,
            cost.intensity,
            cost.peak_activation_bytes,
        )
        for cost in inference.phases
    ]
    peak, moved_bytes = inference.peak_activation_bytes, inference.moved_bytes
    rows.append(("total", None, inference.flops, moved_bytes, None, peak))
    return Table(PHASES, rows, notes=tuple(conventions(inference)))


def conventions(inference: Inference) -> Iterator[str]:
    """Yield what a reader must know of the figures."""
    load = inference.plan.load
    spec = inference.plan.spec
    positions = {"last": "the last position", "all": "all positions", "none": "none"}[load.logits]
    of_text = f"; causal attention in full; logits of {positions} of the prompt"
    yield (
        "FLOPs are 2 per multiply-accumulate of matrix products, convolutions and attention, in "
        f"closed form{of_text if 'language' in spec.components else ''}."
    )
    if inference.traced:
        yield (
            "Bytes moved: each operator reads its inputs and writes its outputs once, weights "
            f"included; counted on the meta device, as peak activations are, for {load.attention} "
            "attention."
        )
    else:
        yield f"Bytes moved and peak activations need torch: {install_hint()}."
    if load.kept_as_stored:
        yield (
            "The bytes of the weights are those in the checkpoint's files; bytes moved and "
            f"activations are those of {load.dtype}."
        )
    if spec.language.decoder and spec.language.decoder.latent_attention:
        yield ABSORBED
    for vision in spec.encoders:
        if vision.opaque:
            yield f"{vision.name} is not modelled: its parameters are published, its costs unknown."
        elif vision.encoder is None:
            yield f"The shape of {vision.name} is not known, nor what it costs."
    if "fusion" in spec.components and spec.fusion is None:
        yield "The fusion method is not modelled; what it costs is not known."
    if "language" in spec.components and spec.language.shape is None:
        yield f"The shape of {spec.language.name} is not known, nor what it costs."


def memory_table(inference: Inference) -> Table:
    """Return what must fit on the device: weights, cache, activations."""
    total = inference.total_bytes
    rows = (*inference.memory_parts(), ("total", total))
    shown = [(name, size, _share(size, total)) for name, size in rows]
    note = "workspaces and the driver's context come on top."
    if "language" in inference.plan.spec.components:
        note = f"The cache is that of the whole answer; {note}"
    return Table(MEMORY, shown, notes=(note[0].upper() + note[1:],))


def stage_table(inference: Inference, stage: TrainingStage) -> Table:
    """Return what a stage trains and freezes."""
    parts = stage_parts(inference.plan.spec, stage)
    total, trainable = loaded_params(parts), trainable_params(parts)
    rows: list[tuple[Any, ...]] = [
        (
            part.component,
            "trained" if part.trainable else "frozen",
            part.params,
            _share(part.params, total),
        )
        for part in parts
    ]
    rows.append(("all", "trained", trainable, _share(trainable, total)))
    notes = (stage.note,) if stage.note else ()
    return Table(
        STAGE, rows, title=f"{_number(inference.plan.spec, stage)}: {stage.name}", notes=notes
    )


def _number(spec: ModelSpec, stage: TrainingStage) -> str:
    return f"stage {spec.training.index(stage) + 1} of {len(spec.training)}"


def verify_table(checks: tuple[Check, ...]) -> Table:
    """Return every count each way."""
    rows = [(*check[:5], check.verdict) for check in checks]
    unequal = frozenset(at for at, check in enumerate(checks) if check.verdict != "equal")
    note = UNEQUAL.format(len(unequal), len(checks)) if unequal else ALL_EQUAL.format(len(checks))
    return Table(CHECKS, rows, notes=(note,), alerts=unequal)


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None
