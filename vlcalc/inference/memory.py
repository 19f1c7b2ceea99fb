"""What inference keeps in memory: weights by component, and the cache where it lives."""

from __future__ import annotations

from vlcalc.backbones.language import CacheBytes, Linear
from vlcalc.core.errors import InputError
from vlcalc.cost.components import ByComponent, Components, dims_of
from vlcalc.inference.load import Load, StoredBytes
from vlcalc.inference.plan import Plan


class WeightBytes(ByComponent):
    """Bytes of the weights by component; None where its parameters are not known."""

    __slots__ = ()


def weight_bytes(params: Components, plan: Plan) -> WeightBytes:
    """Return the bytes of the weights.

    Raises:
        InputError: there is a quantisation, and nothing that it applies to.
    """
    load = plan.load
    if load.kept_as_stored:
        return _as_stored(load.kept_as_stored, params)
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


def _as_stored(stored: StoredBytes, params: Components) -> WeightBytes:
    """Return the bytes in the files; of a part of a model, its share by parameters."""
    shares = [
        size if not count or not whole or size is None else -(-size * count // whole)
        for size, count, whole in zip(stored.weights, params, stored.params, strict=True)
    ]
    vision, fusion, language, other = shares
    return WeightBytes(vision, fusion, language, other or 0)


def saved_bytes(linears: tuple[Linear, ...], load: Load) -> int:
    """Return what a quantisation saves of linear weights."""
    if load.quantisation is None:
        return 0
    return sum(
        rows * columns * load.dtype_bytes - load.quantisation.linear_bytes(rows, columns)
        for rows, columns in linears
    )


def language_linears(plan: Plan) -> tuple[Linear, ...]:
    """Return the linear weights of all the language model's layers, if they are to be quantised.

    Raises:
        InputError: they are, and the language model's shape is not known.
    """
    if plan.load.quantisation is None:
        return ()
    shape = plan.spec.language.shape
    if shape is None:
        raise InputError(
            expected=f"a language model whose shape is known, for `{plan.load.quantisation.name}`",
            got=f"`{plan.spec.language.name}`",
        )
    return tuple(linear for stack in shape.stacks.values() for linear in stack.linears)


def inserted_linears(plan: Plan) -> tuple[Linear, ...]:
    """Return the linear weights of all layers that the fusion method inserts."""
    fusion = plan.inserted
    if fusion is None or plan.spec.language.shape is None:
        return ()
    dims = dims_of(plan.spec)
    return fusion.layer_linears(dims) * len(fusion.layer_positions(dims))


def cache_bytes(plan: Plan) -> CacheBytes | None:
    """Return the bytes of the cache; None where the language model's shape is not known.

    Vectors of an image that fills its tiles up are cached filled up.
    """
    load, shape = plan.load, plan.spec.language.shape
    if "language" not in plan.spec.components:
        return CacheBytes(0, 0)
    if shape is None:
        return None
    own, cross = shape.cache_bytes(
        plan.sequence_length,
        plan.num_decoded,
        load.batch_size,
        dtype_bytes=load.kv_dtype_bytes,
    )
    if plan.inserted and plan.inserted_dims:
        per_prompt = plan.inserted.num_cached_context_values(plan.inserted_dims)
        cross += load.batch_size * per_prompt * load.kv_dtype_bytes
    return CacheBytes(own, cross)
