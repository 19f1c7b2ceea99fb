"""What a stage of training trains and what it leaves as it is."""

from __future__ import annotations

from typing import NamedTuple

from vlcalc.core.errors import InputError, near_miss
from vlcalc.core.known import sum_known
from vlcalc.cost.components import Components
from vlcalc.spec.schema import ModelSpec, TrainingStage


class Trained(NamedTuple):
    """One component in a stage.

    Attributes:
        trainable: whether its parameters change.
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


def stage_components(stage: TrainingStage, params: Components) -> tuple[Trained, ...]:
    """Return each component with whether the stage trains it; `other` is never trained."""
    return tuple(
        Trained(component, component in stage.train, count)
        for component, count in params._asdict().items()
        if count is None or count
    )


def trainable_in_stage(stage: TrainingStage, params: Components) -> int | None:
    """Return the parameters that a stage trains; None where one of them is not known."""
    return sum_known(part.params for part in stage_components(stage, params) if part.trainable)
