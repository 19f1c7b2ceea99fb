"""What inference keeps in memory: weights by component, and the cache where it lives."""

from __future__ import annotations

from typing import NamedTuple

from vlcalc.backbones.decoder import Decoder
from vlcalc.core.errors import InputError
from vlcalc.cost.components import ByComponent, Components
from vlcalc.inference.generate import layer_groups
from vlcalc.inference.language import language_cache
from vlcalc.inference.linears import Shape, layer_linears
from vlcalc.inference.load import Load
from vlcalc.inference.plan import Plan


class WeightBytes(ByComponent):
    """Bytes of the weights by component; None where its parameters are not known."""

    __slots__ = ()


class CacheBytes(NamedTuple):
    """Bytes of keys and values when the answer is done, over the whole batch.

    Attributes:
        self_attention: of the positions of the sequence; the last token of the answer has none.
        cross_attention: of the vectors that are only cross-attended.
    """

    self_attention: int
    cross_attention: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.self_attention + self.cross_attention


def weight_bytes(params: Components, plan: Plan) -> WeightBytes:
    """Return the bytes of the weights.

    Raises:
        InputError: there is a quantisation, and nothing that it applies to.
    """
    load = plan.load
    plain = [None if count is None else count * load.dtype_bytes for count in params]
    saved = saved_bytes(language_linears(plan), load)
    inserted = saved_bytes(inserted_linears(plan), load)
    vision, fusion, language, other = plain
    return WeightBytes(
        vision=vision,
        fusion=None if fusion is None else fusion - inserted,
        language=None if language is None else language - saved,
        other=other or 0,
    )


def saved_bytes(linears: tuple[Shape, ...], load: Load) -> int:
    """Return what a quantisation saves of linear weights."""
    if load.quantisation is None:
        return 0
    return sum(
        rows * columns * load.dtype_bytes - load.quantisation.linear_bytes(rows, columns)
        for rows, columns in linears
    )


def language_linears(plan: Plan) -> tuple[Shape, ...]:
    """Return the linear weights of all the language model's layers, if they are to be quantised.

    Raises:
        InputError: they are, and the language model is no decoder whose shape is known.
    """
    if plan.load.quantisation is None:
        return ()
    decoder = plan.spec.language.decoder
    if not isinstance(decoder, Decoder):
        raise InputError(
            expected=f"a decoder whose shape is known, for `{plan.load.quantisation.name}`",
            got=f"`{plan.spec.language.name}`",
        )
    groups = layer_groups(decoder).items()
    return tuple(each for at, number in groups for each in layer_linears(decoder, at) * number)


def inserted_linears(plan: Plan) -> tuple[Shape, ...]:
    """Return the linear weights of all layers that the fusion method inserts."""
    if plan.inserted is None or not plan.fusion_dims:
        return ()
    dims = plan.fusion_dims[0]
    return plan.inserted.layer_linears(dims) * len(plan.inserted.layer_positions(dims))


def cache_bytes(plan: Plan) -> CacheBytes | None:
    """Return the bytes of the cache; None where the language model's shape is not known.

    Vectors of an image that fills its tiles up are cached filled up.
    """
    load, language = plan.load, language_cache(plan)
    if language is None:
        return None
    own, cross = language
    if plan.inserted and plan.fusion_dims:
        per_prompt = plan.inserted.num_cached_context_values(plan.fusion_dims[0])
        cross += load.batch_size * per_prompt * load.kv_dtype_bytes
    return CacheBytes(own, cross)
