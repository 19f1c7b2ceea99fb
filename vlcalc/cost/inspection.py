"""One fusion method in full: what it is, what its module costs, and whether counts agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from vlcalc.core import units
from vlcalc.core.bounds import check_dims
from vlcalc.cost.contraction import Shape
from vlcalc.cost.flops import FlopCount, count_flops, count_flops_with_torch
from vlcalc.cost.memory import PeakMemory, dtype_named, peak_memory
from vlcalc.cost.meta import output_shapes
from vlcalc.cost.params import count_params
from vlcalc.cost.tree import Node, cost_tree
from vlcalc.fusion.base import Dims
from vlcalc.report.table import Column, Table
from vlcalc.spec.schema import FusionSpec

TREE = (
    Column("path", "path", "text", reader="machines"),
    Column("module", "module", "text", reader="people"),
    Column("type", "type", "text", 3),
    Column("params", "parameters"),
    Column("flops", "FLOPs", "flops"),
    Column("share", "share", "share", 4),
    Column("elements", "elementwise", "count", 1),
    Column("output_shape", "output shape", "text", 2),
    Column("weight_bytes", "weights", "bytes", reader="machines"),
    Column("input_bytes", "inputs", "bytes", reader="machines"),
    Column("peak_activation_bytes", "peak activations", "bytes", reader="machines"),
    Column("image_tokens", "image tokens", reader="machines"),
    Column("context_tokens", "context tokens", reader="machines"),
    Column("params_closed_form", "parameters, closed form", reader="machines"),
    Column("flops_closed_form", "FLOPs, closed form", "flops", reader="machines"),
    Column("flops_torch", "FLOPs, torch's counter", "flops", reader="machines"),
)
FACTS = (Column("key", "", "text"), Column("value", "", "text"))
TOTALS = (
    Column("quantity", "quantity", "text"),
    Column("value", "value", "text"),
    Column("source", "source", "text", 3),
)
VERIFIED = (
    Column("quantity", "quantity", "text"),
    Column("closed_form", "closed form"),
    Column("counted", "module on meta (FLOPs: 2 x fvcore)"),
    Column("torch", "torch FlopCounterMode"),
    Column("verdict", "verdict", "text"),
)
CONVENTION = "FLOPs: 2 per multiply-accumulate of contractions; causal attention in full."


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of a method on some dims.

    Attributes:
        torch_flops: FLOPs of each submodule by torch's counter; None where it was not wanted.
    """

    spec: FusionSpec
    dims: Dims
    module: nn.Module
    count: FlopCount
    shapes: dict[str, Shape | None]
    memory: PeakMemory
    attention: str
    dtype: str
    torch_flops: dict[str, int] | None


def count_method(
    spec: FusionSpec, dims: Dims, *, attention: str, dtype: str, verify: bool
) -> Inspection:
    """Build a method's module on meta and count it.

    Raises:
        InputError: the method refuses the dims, or there is no such dtype or backend.
    """
    named = dtype_named(dtype, where="--dtype")
    check_dims(dims._asdict())
    spec.fusion.check(dims)
    module = spec.fusion.build(dims, "meta")
    inputs: tuple[Tensor, ...] = spec.fusion.example_inputs(dims, "meta")
    return Inspection(
        spec=spec,
        dims=dims,
        module=module,
        memory=peak_memory(module, inputs, attention=attention, dtype=named),
        count=count_flops(module, inputs),
        shapes=output_shapes(module, inputs),
        attention=attention,
        dtype=dtype,
        torch_flops=count_flops_with_torch(module, inputs) if verify else None,
    )


def method_table(inspection: Inspection) -> Table:
    """Return what the method is, a fact a row."""
    spec, fusion, dims = inspection.spec, inspection.spec.fusion, inspection.dims
    settings = fusion.model_dump(exclude={"kind"})
    vision = (
        f"width {dims.vision_width}, grid {dims.columns}x{dims.rows}, views {dims.num_views}, "
        f"prefix tokens {dims.num_prefix_tokens}"
    )
    language = (
        f"width {dims.text_width}, depth {dims.text_depth}, vocabulary {dims.vocab_size}, "
        f"text tokens {dims.num_text_tokens}"
    )
    rows = (
        ("method", f"`{fusion.kind}`"),
        ("settings", ", ".join(f"{key}={value}" for key, value in settings.items())),
        ("taxonomy", fusion.taxonomy),
        ("LLM modified", "yes" if fusion.llm_modified else "no"),
        ("tokens", fusion.token_effect),
        ("spatial detail", fusion.spatial_detail),
        ("used by", ", ".join(spec.used_by)),
        ("sources", ", ".join(spec.sources)),
        ("notes", "; ".join(spec.notes)),
        ("vision", vision),
        ("language", language),
        ("batch", str(dims.batch_size)),
    )
    shown = [row for row in rows if row[1]]
    return Table(FACTS, shown, title=f"{spec.name}: {spec.title}" if spec.title else spec.name)


def submodule_table(inspection: Inspection, *, depth: int) -> Table:
    """Return the submodules and operators down to a depth."""
    nodes = list(cost_tree(inspection.module, inspection.count, inspection.shapes, depth=depth))
    uncalled = frozenset(at for at, node in enumerate(nodes) if node.flops is None)
    rows = [_tree_row(inspection, node) for node in nodes]
    return Table(TREE, rows, notes=(CONVENTION, *_warnings(inspection.count)), alerts=uncalled)


def _tree_row(inspection: Inspection, node: Node) -> tuple[Any, ...]:
    total = inspection.count.total
    name = node.path.rpartition(".")[2] or inspection.spec.fusion.kind
    share = node.flops / total if node.flops is not None and total else None
    shape = " x ".join(map(str, node.shape)) if node.shape else None
    row = (
        node.path,
        "  " * node.depth + name,
        node.type,
        node.params,
        node.flops,
        share,
        node.elements,
        shape,
    )
    torch_flops = None if node.type == "operator" else (inspection.torch_flops or {}).get(node.path)
    whole = _whole(inspection) if not node.path else (None,) * 7
    return *row, *whole, torch_flops


def _whole(inspection: Inspection) -> tuple[int, ...]:
    fusion, dims, memory = inspection.spec.fusion, inspection.dims, inspection.memory
    return (
        memory.weight_bytes,
        memory.input_bytes,
        memory.peak_activation_bytes,
        fusion.num_image_tokens(dims),
        fusion.num_context_tokens(dims),
        fusion.num_params(dims),
        fusion.num_flops(dims),
    )


def _warnings(count: FlopCount) -> Iterator[str]:
    if count.unsupported:
        names = ", ".join(f"{name} ({times} x)" for name, times in count.unsupported.items())
        yield f"Not counted, no formula known: {names}."
    if count.uncalled:
        yield f"Not counted, never called or its result not used: {', '.join(count.uncalled)}."


def totals_table(inspection: Inspection) -> Table:
    """Return tokens, parameters, FLOPs and bytes of the whole."""
    fusion, dims, count, memory = (
        inspection.spec.fusion,
        inspection.dims,
        inspection.count,
        inspection.memory,
    )
    rows = (
        ("image tokens", units.format_count(fusion.num_image_tokens(dims)), "exact"),
        ("context tokens", units.format_count(fusion.num_context_tokens(dims)), "exact"),
        ("parameters", units.format_count(count_params(inspection.module)), "counted"),
        ("FLOPs", units.format_flops(count.total), "counted"),
        ("elementwise elements", units.format_count(count.total_elements), "counted"),
        (f"weights ({inspection.dtype})", units.format_bytes(memory.weight_bytes), "counted"),
        (f"inputs ({inspection.dtype})", units.format_bytes(memory.input_bytes), "counted"),
        (f"peak activations ({inspection.attention})",
         units.format_bytes(memory.peak_activation_bytes), "counted"),
    )  # fmt: skip
    return Table(TOTALS, rows)


def method_checks_table(inspection: Inspection) -> Table:
    """Return closed form, fvcore and torch's counter side by side."""
    fusion, dims = inspection.spec.fusion, inspection.dims
    torch_flops = (inspection.torch_flops or {}).get("")
    rows = [
        _verified("parameters", fusion.num_params(dims), count_params(inspection.module), None),
        _verified("FLOPs", fusion.num_flops(dims), inspection.count.total, torch_flops),
    ]
    unequal = frozenset(at for at, row in enumerate(rows) if row[-1] != "equal")
    return Table(VERIFIED, rows, alerts=unequal)


def _verified(name: str, closed: int, counted: int, torch: int | None) -> tuple[Any, ...]:
    off = {"counted": counted - closed, "torch": 0 if torch is None else torch - closed}
    words = [f"{who} {by:+,}" for who, by in off.items() if by]
    return name, closed, counted, torch, ", ".join(words) or "equal"
