"""Parameters: of models by component, of fusion methods, of parts, and what trains of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vlcalc.audit.figures import METRICS, figure
from vlcalc.audit.precision import Number
from vlcalc.audit.recompute import RECOMPUTATIONS
from vlcalc.audit.recompute.lookup import Method, method, model_named
from vlcalc.cost.components import components, dims_of, language_params, vision_params
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.inference.stages import StagePart, loaded_params, stage_parts, trainable_params
from vlcalc.spec.loader import load_fusion
from vlcalc.spec.parts import load_language, load_vision
from vlcalc.spec.schema import ModelSpec


@RECOMPUTATIONS.register("model_params")
def model_params(model: str, component: str = "total") -> int | None:
    """Return the parameters of a model, or of one of its components."""
    params: int | None = getattr(components(model_named(model)), component)
    return params


@RECOMPUTATIONS.register("frozen_params")
def frozen_params(model: str, stage: int = -1) -> int:
    """Return the parameters that are loaded in a training stage and left as they are."""
    parts = parts_of_stage(model, stage)
    return sum(part.params or 0 for part in parts if not part.trainable)


@RECOMPUTATIONS.register("trainable_params")
def trained_params(model: str, stage: int = -1) -> int:
    """Return the parameters that a training stage changes."""
    return trainable_params(parts_of_stage(model, stage)) or 0


@RECOMPUTATIONS.register("trainable_share")
def trainable_share(model: str, stage: int = -1) -> float:
    """Return what a training stage changes as a share of all that is loaded in it."""
    total = loaded_params(parts_of_stage(model, stage))
    assert total
    share: float = trained_params(model, stage) / total
    return share


def parts_of_stage(model: str, stage: int) -> tuple[StagePart, ...]:
    """Return all that is loaded in a training stage, which is counted from 0."""
    spec = model_named(model)
    return stage_parts(spec, spec.training[stage])


@RECOMPUTATIONS.register("stages")
def stages(model: str) -> list[dict[str, Any]]:
    """Return the training stages: what is trained, how much, which share of the model."""
    return [
        {
            "trainable": list(stage.train),
            "trainable_params": trained_params(model, number),
            "trainable_fraction": trainable_share(model, number),
        }
        for number, stage in enumerate(model_named(model).training)
    ]


@RECOMPUTATIONS.register("trained")
def trained(model: str, stage: int = -1) -> list[str]:
    """Return the components that a training stage changes; of the fusion, its parts if several."""
    spec = model_named(model)
    names: list[str] = list(spec.training[stage].train)
    if "fusion" in names and isinstance(spec.fusion, InsertedLayers) and spec.fusion.resampler:
        at = names.index("fusion")
        names[at : at + 1] = ["resampler", "inserted layers"]
    return names


@RECOMPUTATIONS.register("fusion_params")
def method_params(fusion: Method, dims: Mapping[str, int] | None = None) -> int:
    """Return the parameters of a fusion method."""
    chosen, around = method(fusion, dims)
    return chosen.num_params(around)


@RECOMPUTATIONS.register("figure")
def preset_figure(fusion: str, metric: str) -> int | None:
    """Return a figure of a fusion preset by the name of its metric."""
    return figure(metric, load_fusion(fusion))


@RECOMPUTATIONS.register("model_figure")
def model_figure(model: str, metric: str) -> int | None:
    """Return a figure of a model's own fusion method by the name of its metric."""
    spec = model_named(model)
    of_fusion = METRICS[metric].of_fusion
    assert spec.fusion
    assert of_fusion
    return of_fusion(spec.fusion, dims_of(spec))


@RECOMPUTATIONS.register("published")
def published(metric: str, source: str, model: str = "", fusion: str = "") -> Number:
    """Return a figure that a spec quotes from a source, for what was never released."""
    spec = model_named(model) if model else load_fusion(fusion)
    assert isinstance(spec, ModelSpec) or spec.published
    quoted = [f.value for f in spec.published if f.metric == metric and source in f.source]
    (value,) = quoted
    return value


@RECOMPUTATIONS.register("encoder_params")
def encoder_params(vision: str) -> int | None:
    """Return the parameters of a vision encoder."""
    return vision_params(load_vision(vision))


@RECOMPUTATIONS.register("encoder_part")
def encoder_part(vision: str, part: str) -> int:
    """Return the parameters of a part of an encoder, positions without those of the class token."""
    encoder = load_vision(vision).encoder
    assert encoder
    params: int = getattr(encoder.params_by_part(), part)
    if part == "positions":
        params -= encoder.num_prefix_tokens * encoder.width
    return params


@RECOMPUTATIONS.register("text_model_params")
def text_model_params(language: str) -> int | None:
    """Return the parameters of a language model."""
    return language_params(load_language(language))


@RECOMPUTATIONS.register("width")
def width(language: str) -> int:
    """Return the width of a language model's embeddings."""
    decoder = load_language(language).decoder
    assert decoder
    return decoder.width


@RECOMPUTATIONS.register("module_params")
def module_params(fusion: Method, part: str, dims: Mapping[str, int] | None = None) -> int:
    """Return the parameters of a submodule of a fusion method, built on the meta device."""
    from vlcalc.cost.params import params_by_module

    chosen, around = method(fusion, dims)
    return params_by_module(chosen.build(around))[part]


@RECOMPUTATIONS.register("weight_params")
def weight_params(fusion: Method, dims: Mapping[str, int] | None = None) -> int:
    """Return the parameters of a fusion method that are matrices, biases left out."""
    chosen, around = method(fusion, dims)
    return sum(p.numel() for p in chosen.build(around).parameters() if p.dim() > 1)


@RECOMPUTATIONS.register("model_resampler_params")
def model_resampler_params(model: str) -> int:
    """Return the parameters of the resampler inside a model's fusion method."""
    spec = model_named(model)
    assert isinstance(spec.fusion, InsertedLayers)
    assert spec.fusion.resampler
    return spec.fusion.resampler.num_params(dims_of(spec))
