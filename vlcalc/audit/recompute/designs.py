"""Designs: what a spec says a model is, as far as it can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vlcalc.audit.recompute import RECOMPUTATIONS
from vlcalc.audit.recompute.lookup import Method, method, model_named
from vlcalc.cost.components import dims_of
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.loader import load_fusion, load_spec
from vlcalc.spec.parts import load_vision

# Leaf modules that change no axis and mix nothing: what a projector is called by leaves them out.
NORMS = ("LayerNorm", "RMSNorm")


@RECOMPUTATIONS.register("taxonomy")
def taxonomy(model: str) -> str:
    """Return where a model's modalities meet: early, mid, late; hosted APIs do not say."""
    spec = load_spec(model)
    if isinstance(spec, ApiSpec) or spec.fusion is None:
        return "undisclosed"
    return spec.fusion.taxonomy


@RECOMPUTATIONS.register("meets_at")
def meets_at(model: str) -> str:
    """Return where a model's image meets the text: input sequence, inserted layers, or output."""
    fusion = model_named(model).fusion
    assert fusion
    if fusion.llm_modified:
        return "inserted layers"
    return "output" if fusion.taxonomy == "late" else "input sequence"


@RECOMPUTATIONS.register("fusion_field")
def fusion_field(fusion: str, field: str) -> Any:
    """Return a hyper-parameter of a fusion preset; a dot goes into its resampler."""
    value: Any = load_fusion(fusion).fusion
    for name in field.split("."):
        value = getattr(value, name)
    return value


@RECOMPUTATIONS.register("same_fields")
def same_fields(fusion: str, other: str, fields: list[str]) -> dict[str, bool]:
    """Return in which hyper-parameters two presets agree; of a resampler, whether both have one."""
    mine, theirs = load_fusion(fusion).fusion, load_fusion(other).fusion
    return {name: _trait(mine, name) == _trait(theirs, name) for name in fields}


def _trait(fusion: Any, name: str) -> Any:
    value = getattr(fusion, name)
    return value is not None if name == "resampler" else value


@RECOMPUTATIONS.register("inserted_layers")
def inserted_layers(model: str) -> dict[str, Any]:
    """Return how often cross-attention layers stand in a language model, and before which of its.

    `first_before` counts the language model's layers from 0; each stands before a layer of it.
    """
    spec = model_named(model)
    fusion = spec.fusion
    assert isinstance(fusion, InsertedLayers)
    positions = fusion.layer_positions(dims_of(spec))
    return {
        "every": fusion.every,
        "layers": len(positions),
        "of": dims_of(spec).text_depth,
        "first_before": positions[0],
    }


@RECOMPUTATIONS.register("cross_attention_layers")
def cross_attention_layers(fusion: str) -> dict[str, int]:
    """Return how often a Q-Former has cross-attention, and in how many of its layers."""
    former: Any = load_fusion(fusion).fusion
    return {
        "every": former.cross_attention_every,
        "layers": former.num_cross_attentions,
        "of": former.depth,
    }


@RECOMPUTATIONS.register("feature_layer")
def feature_layer(model: str) -> dict[str, Any]:
    """Return which encoder output a model uses, and whether the last norm is behind it."""
    vision = model_named(model).vision
    assert vision
    assert vision.encoder
    assert vision.feature_layer is not None
    used = vision.encoder.num_layers_until(vision.feature_layer)
    return {
        "layers_run": used,
        "of": vision.encoder.total_depth,
        "normed": bool(vision.encoder.post_norm) and used == vision.encoder.total_depth,
    }


@RECOMPUTATIONS.register("encoder_title")
def encoder_title(vision: str) -> str:
    """Return what an encoder is called: its size as the papers write it, as g or G."""
    title = load_vision(vision).title
    (size,) = (word for word in title.split() if word.startswith("ViT-"))
    return size


@RECOMPUTATIONS.register("has_vision_transformer")
def has_vision_transformer(model: str) -> bool:
    """Tell whether a model's encoder cuts the image into patches for a transformer."""
    vision = model_named(model).vision
    return vision is not None and vision.encoder is not None


@RECOMPUTATIONS.register("num_image_tokens")
def num_image_tokens(fusion: Method, dims: Mapping[str, int] | None = None) -> int:
    """Return the positions of the sequence that one image takes."""
    chosen, around = method(fusion, dims)
    return chosen.num_image_tokens(around)


@RECOMPUTATIONS.register("num_context_tokens")
def num_context_tokens(fusion: Method, dims: Mapping[str, int] | None = None) -> int:
    """Return the vectors of one image that are only cross-attended."""
    chosen, around = method(fusion, dims)
    return chosen.num_context_tokens(around)


@RECOMPUTATIONS.register("vectors_out")
def vectors_out(fusion: Method, dims: Mapping[str, int] | None = None) -> list[int]:
    """Return how many vectors a resampler gives, and their width."""
    chosen, around = method(fusion, dims)
    resampler: Any = chosen
    return [resampler.num_vectors(around), resampler.output_width(around)]


@RECOMPUTATIONS.register("sequence_grows")
def sequence_grows(model: str) -> bool:
    """Tell whether twice the visual tokens a side take more positions in the sequence."""
    spec = model_named(model)
    dims = dims_of(spec)
    assert spec.fusion
    larger = dims._replace(columns=2 * dims.columns, rows=2 * dims.rows)
    return spec.fusion.num_image_tokens(larger) > spec.fusion.num_image_tokens(dims)


@RECOMPUTATIONS.register("layer_sequence")
def layer_sequence(model: str) -> str:
    """Return the layers that an image token passes, norms left out: Linear-GELU-Linear.

    Of a method that attends, its kind: what it does is no sequence of layers.
    """
    from vlcalc.modules.primitives import Attention

    spec = model_named(model)
    assert spec.fusion
    modules = list(spec.fusion.build(dims_of(spec)).modules())
    if any(isinstance(module, Attention) for module in modules):
        return spec.fusion.kind
    names = [type(module).__name__ for module in modules if not any(module.children())]
    return "-".join(name for name in names if name not in NORMS)
