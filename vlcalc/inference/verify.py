"""Every count of a model three ways: closed form, fvcore with our handles, torch's own counter.

Parameters are counted from the whole component's module on meta, FLOPs block by block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from vlcalc.cost.components import dims_of
from vlcalc.inference.blocks.block import Block
from vlcalc.inference.blocks.phases import phase_passes
from vlcalc.inference.plan import Plan

if TYPE_CHECKING:
    from torch import nn


class Check(NamedTuple):
    """One count, each way; None where a way does not count such a thing.

    Attributes:
        counted: parameters of the module on meta, or FLOPs by fvcore.
        torch: FLOPs by torch's counter.
        unknown: operators that fvcore met and has no formula for.
    """

    quantity: Literal["parameters", "FLOPs"]
    path: str
    closed_form: int
    counted: int
    torch: int | None
    unknown: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """`equal`, or by how much which way differs."""
        off = {"counted": self.counted, "torch": self.torch}
        words = [
            f"{way} {count - self.closed_form:+,}"
            for way, count in off.items()
            if count not in (None, self.closed_form) and count is not None
        ]
        words += [f"not counted: `{name}`" for name in self.unknown]
        return ", ".join(words) or "equal"


def verify(plan: Plan) -> Iterator[Check]:
    """Yield every count of a model under a load; needs torch and fvcore."""
    yield from _params(plan)
    for phase, passes in phase_passes(plan).items():
        for one in passes or ():
            at = phase if one.context is None else f"{phase} at {one.context:,}"
            yield from (_flops(at, block) for block in one.blocks if block.flops)


def _params(plan: Plan) -> Iterator[Check]:
    spec = plan.spec
    for vision in spec.encoders:
        if vision.encoder:
            path = f"vision.{vision.name}"
            yield _counted(path, vision.encoder.num_params(), vision.encoder.build("meta"))
    shape = spec.language.shape
    if spec.fusion and shape:
        dims = dims_of(spec)
        yield _counted("fusion", spec.fusion.num_params(dims), spec.fusion.build(dims, "meta"))
    if shape:
        yield _counted("language", shape.num_params(), shape.build("meta"))


def _counted(path: str, closed_form: int, module: nn.Module) -> Check:
    from vlcalc.cost.params import count_params

    return Check("parameters", path, closed_form, count_params(module), None)


def _flops(at: str, block: Block) -> Check:
    from vlcalc.cost.flops import count_flops, count_flops_with_torch

    module, inputs = block.build("meta")
    count = count_flops(module, inputs)
    return Check(
        "FLOPs",
        f"{at}: {block.num_repeats} x {block.path}",
        block.num_repeats * block.flops,
        block.num_repeats * count.total,
        block.num_repeats * count_flops_with_torch(module, inputs)[""],
        tuple(count.unsupported),
    )
