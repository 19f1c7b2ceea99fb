"""Metrics of published figures: what each counts, computed from a spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vlcalc.cost.components import components
from vlcalc.fusion.arithmetic import norm_params
from vlcalc.fusion.attention import qk_norm_params
from vlcalc.fusion.base import Dims, Fusion
from vlcalc.fusion.cross_attention_resampler import CrossAttentionResampler
from vlcalc.fusion.discrete_tokens import DiscreteTokens
from vlcalc.fusion.gated_xattn_dense import GatedXattnDense
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.fusion.q_former import QFormer
from vlcalc.fusion.spatial_aggregator import SpatialAggregator
from vlcalc.fusion.visual_embedding_table import VisualEmbeddingTable
from vlcalc.spec.schema import FusionSpec, ModelSpec

Audited = ModelSpec | FusionSpec


class PublishedMetric(NamedTuple):
    """What a published figure counts.

    Attributes:
        part: what of the spec is counted, in a few words.
        of_model: the figure of a model; None where it is no figure of a model, or not known.
        of_fusion: the figure of a fusion method within its dims; likewise.
    """

    part: str
    of_model: Callable[[ModelSpec], int | None] | None = None
    of_fusion: Callable[[Fusion, Dims], int | None] | None = None


METRICS: dict[str, PublishedMetric] = {}


def figure(metric: str, spec: Audited) -> int | None:
    """Return a figure of a model, or of a fusion preset within its native dims.

    None where the spec does not say enough, or the metric is not one of such a spec.
    """
    computed = METRICS[metric]
    if isinstance(spec, ModelSpec):
        return computed.of_model(spec) if computed.of_model else None
    if computed.of_fusion is None or spec.native is None:
        return None
    return computed.of_fusion(spec.fusion, Dims(**spec.native.model_dump()))


def _add(name: str, metric: PublishedMetric) -> None:
    METRICS[name] = METRICS[f"{name}_rounded"] = metric


def _without_queries(fusion: Fusion, dims: Dims) -> int | None:
    if not isinstance(fusion, QFormer):
        return None
    return fusion.num_params(dims) - fusion.num_queries * fusion.width


def _bare_module(fusion: Fusion, dims: Dims) -> int | None:
    """Return the parameters of a Q-Former of BERT's own vocabulary, without what surrounds it."""
    if not isinstance(fusion, QFormer):
        return None
    words = QFormer.model_fields["vocab_size"].default
    bare = fusion.model_copy(update={"project": False, "vocab_size": words})
    return _without_queries(bare, dims)


def _matrices(fusion: Fusion, dims: Dims) -> int | None:
    if not isinstance(fusion, GatedXattnDense):
        return None
    gates = 2 * (dims.text_width if fusion.vector_gates else 1)
    norms = 2 * norm_params(dims.text_width, fusion.norm)
    norms += qk_norm_params(fusion.head_dim, fusion.qk_norm)
    layers = len(fusion.layer_positions(dims))
    return layers * (fusion.layer_params(dims) - norms - gates)


def _layers(fusion: Fusion, dims: Dims) -> int | None:
    if not isinstance(fusion, InsertedLayers):
        return None
    return len(fusion.layer_positions(dims)) * fusion.layer_params(dims)


def _projector(fusion: Fusion, dims: Dims) -> int | None:
    layers = _layers(fusion, dims)
    if layers is None or not isinstance(fusion, InsertedLayers):
        return None
    resampler = fusion.resampler.num_params(dims) if fusion.resampler else 0
    return fusion.num_params(dims) - layers - resampler


def _sampler(fusion: Fusion, dims: Dims) -> int | None:
    """Return the parameters of the layers before the language model, all else left out."""
    if not isinstance(fusion, SpatialAggregator):
        return None
    shallower = fusion.model_copy(update={"depth": 1, "num_inserted": 0})
    deeper = fusion.model_copy(update={"depth": 2, "num_inserted": 0})
    return fusion.depth * (deeper.num_params(dims) - shallower.num_params(dims))


def _codebook(fusion: Fusion, dims: Dims) -> int | None:
    return fusion.num_codes * dims.vision_width if isinstance(fusion, DiscreteTokens) else None


def _table(fusion: Fusion, dims: Dims) -> int | None:
    if not isinstance(fusion, VisualEmbeddingTable):
        return None
    return fusion.num_codes * dims.text_width


def _without_positions(fusion: Fusion, dims: Dims) -> int | None:
    if not isinstance(fusion, CrossAttentionResampler):
        return None
    return fusion.model_copy(update={"position_parameter": False}).num_params(dims)


def _layer_alone(fusion: Fusion, dims: Dims) -> int | None:
    """Return a resampler's layer without positions and without the norm and matrix behind it."""
    if not isinstance(fusion, CrossAttentionResampler):
        return None
    without = {"position_parameter": False, "output_projection": False}
    return fusion.model_copy(update=without).num_params(dims)


def _unknown(_: Fusion, __: Dims) -> None:
    return None


def _fusion(fusion: Fusion, dims: Dims) -> int:
    return fusion.num_params(dims)


_add("params", PublishedMetric("all", lambda spec: components(spec).total, _fusion))
_add("model_params", PublishedMetric("the whole model", lambda spec: components(spec).total))
_add("vision_params", PublishedMetric("vision", lambda spec: components(spec).vision))
_add("fusion_params", PublishedMetric("fusion", lambda spec: components(spec).fusion, _fusion))
_add("language_params", PublishedMetric("language", lambda spec: components(spec).language))
_add(
    "params_with_embeddings",
    PublishedMetric("fusion and its words", lambda s: components(s).fusion),
)
_add("params_with_heads", PublishedMetric("with the heads", None, _fusion))
_add("params_without_queries", PublishedMetric("without queries", None, _without_queries))
_add("params_of_module", PublishedMetric("without queries and projection", None, _bare_module))
_add("params_of_matrices", PublishedMetric("matrices", None, _matrices))
_add("params_of_layers", PublishedMetric("inserted layers", None, _layers))
_add("params_of_projector", PublishedMetric("projection", None, _projector))
_add("params_of_sampler", PublishedMetric("layers before the language model", None, _sampler))
_add("params_without_positions", PublishedMetric("without positions", None, _without_positions))
_add("params_of_layer", PublishedMetric("the layer", None, _layer_alone))
_add("codebook_params", PublishedMetric("codebook", None, _codebook))
_add("table_params", PublishedMetric("table", None, _table))
_add("tokenizer_params", PublishedMetric("image tokeniser", None, _unknown))
