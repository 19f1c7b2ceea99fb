"""What stages train, against what their papers and code say of them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from vlcalc.inference.stages import loaded_params, stage_named, stage_parts, trainable_params
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ModelSpec, TrainingStage

# Trained and loaded parameters. BLIP-2's first stage: LAVIS blip2_qformer.py, no language model.
STAGES = {
    ("blip2-opt-2.7b", "representation learning"): (186_702_654, 186_702_654 + 985_952_256),
    ("blip2-opt-6.7b", "1"): (186_702_654, 186_702_654 + 985_952_256),
    ("blip2-flan-t5-xl", "1"): (186_702_654, 186_702_654 + 985_952_256),
    ("blip2-opt-2.7b", "2"): (107_130_880, 3_744_761_856),
    ("llava-next-vicuna-7b", "1"): (20_979_712, 7_063_431_168),
    ("deepseek-vl-7b", "SFT"): (7_343_985_921 - 89_670_912, 7_343_985_921),
}


@pytest.mark.parametrize(("model", "stage"), STAGES)
def test_a_stage_trains_and_loads(model: str, stage: str) -> None:
    spec = load_spec(model)
    assert isinstance(spec, ModelSpec)
    parts = stage_parts(spec, stage_named(spec, stage))
    assert (trainable_params(parts), loaded_params(parts)) == STAGES[model, stage]


@pytest.mark.parametrize(
    "fields",
    [
        {"train": ("language",), "without": ("language",)},
        {"train": ("fusion",), "frozen": {"vision": 3}},
    ],
)
def test_a_stage_that_cannot_be_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="expected"):
        TrainingStage.model_validate({"name": "s", **fields})
