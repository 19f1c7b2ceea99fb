"""Models and requests as callers of the API give them."""

from __future__ import annotations

from typing import Literal

from vlcalc.api.sizes import AnySize, size_of
from vlcalc.core.dtypes import parse_dtype
from vlcalc.core.errors import InputError
from vlcalc.inference.load import Load, parse_attention, parse_kv_dtype
from vlcalc.inference.quantisation import parse_quantisation
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ModelSpec


def model_of(model: str | ModelSpec) -> ModelSpec:
    """Return a model of a name or file, or as it is.

    Raises:
        InputError: there is none of that name, or it is a hosted API.
        SpecError: the model's YAML file is not valid.
    """
    spec = load_spec(model) if isinstance(model, str) else model
    if not isinstance(spec, ModelSpec):
        raise InputError(expected="a model whose architecture is known", got=f"`{spec.name}`")
    return spec


def load_of(
    image: AnySize,
    *,
    num_images: int,
    text_tokens: int,
    output_tokens: int,
    batch_size: int,
    dtype: str,
    kv_dtype: str | None,
    quant: str | None,
    logits: Literal["last", "all"] = "last",
    attention: str = "flash",
) -> Load:
    """Return a request whose names are read.

    Raises:
        InputError: a name, size or number that cannot be.
    """
    return Load(
        image=size_of(image),
        num_images=num_images,
        text_tokens=text_tokens,
        output_tokens=output_tokens,
        batch_size=batch_size,
        dtype=parse_dtype(dtype),
        kv_dtype=parse_kv_dtype(kv_dtype) if kv_dtype else None,
        quantisation=parse_quantisation(quant) if quant else None,
        logits=logits,
        attention=parse_attention(attention),
    )
