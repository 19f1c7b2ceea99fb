"""What a stage of training trains, and what it leaves as it is of all that is loaded in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vlcalc.core.errors import InputError, near_miss
from vlcalc.core.known import sum_known
from vlcalc.cost.components import components
from vlcalc.spec.schema import ModelSpec, TrainingStage


class StagePart(NamedTuple):
    """Parameters of one component in a stage: those that it trains, or those that it does not.

    Attributes:
        trainable: whether they change.
        params: None where they are not known.
    """

    component: str
    trainable: bool
    params: int | None


def stage_named(spec: ModelSpec, name: str) -> TrainingStage:
    """Return a stage of a model's training, by its name or its number from 1.

    Raises:
        InputError: the model has no such stage, or none is recorded.
    """
    stages = {stage.name.casefold(): stage for stage in spec.training}
    by_number = {str(number): stage for number, stage in enumerate(spec.training, start=1)}
    wanted = name.strip().casefold()
    stage = stages.get(wanted) or by_number.get(wanted)
    if stage is None:
        known = ", ".join(f"`{stage.name}`" for stage in spec.training)
        raise InputError(
            expected=f"a training stage of {spec.name}" + (f": {known}" if known else ""),
            got=f"`{name}`",
            where="--stage",
            hint=near_miss(wanted, stages) or ("" if known else "its spec records no `training:`"),
        )
    return stage


def stage_parts(spec: ModelSpec, stage: TrainingStage) -> tuple[StagePart, ...]:
    """Return all that is loaded in a stage, by component; `other` is never trained."""
    loaded = spec.model_copy(update={"fusion": stage.fusion}) if stage.fusion else spec
    parts: list[StagePart] = []
    for component, params in components(loaded)._asdict().items():
        if component in stage.without or params == 0:
            continue
        frozen = sum(count for name, count in stage.frozen.items() if name == component)
        trainable = component in stage.train
        parts.append(StagePart(component, trainable, params and params - frozen))
        if frozen:
            parts.append(StagePart(component, trainable=False, params=frozen))
    return tuple(parts)


def trainable_params(parts: Sequence[StagePart]) -> int | None:
    """Return the parameters that a stage trains; None where one of them is not known."""
    return sum_known(part.params for part in parts if part.trainable)


def loaded_params(parts: Sequence[StagePart]) -> int | None:
    """Return all parameters that are loaded in a stage; None where one of them is not known."""
    return sum_known(part.params for part in parts)
