"""Models and requests as callers of the API give them."""

from __future__ import annotations

from typing import TypedDict

from vlcalc.api import defaults
from vlcalc.api.argument import Argument
from vlcalc.api.arguments import AnySize, size_of
from vlcalc.core.dtypes import parse_dtype
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.inference.load import Load, parse_attention, parse_kv_dtype
from vlcalc.inference.quantisation import parse_quantisation
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.catalogue import is_file_name
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.devices import load_device
from vlcalc.spec.loader import load_any, load_fusion, load_spec
from vlcalc.spec.schema import FusionSpec, ModelSpec, Spec

FUSION_PREFIX = "fusion:"


class LoadOptions(TypedDict, total=False):
    """What a model is asked to do; what is left out is as `load_of` has it.

    Attributes:
        num_images: images of that size in a prompt.
        text_tokens: text tokens of a prompt.
        output_tokens: tokens of the answer; the first comes with the prompt.
        batch_size: prompts at once.
        dtype: of weights and activations: float32, bfloat16 or float16.
        kv_dtype: of the cache: those, float8 or int8; that of the activations by default.
        quant: of the language model's linear layers: int8, float8, int4, nf4, nf4-double or none.
        logits: the positions of the prompt that the head is applied to: last or all.
        attention: backend that bytes and activations are counted for; that alone needs torch.
    """

    num_images: int
    text_tokens: int
    output_tokens: int
    batch_size: int
    dtype: str
    kv_dtype: str | None
    quant: str | None
    logits: str
    attention: str


def load_of(
    spec: ModelSpec,
    image: AnySize | None,
    *,
    num_images: int = defaults.NUM_IMAGES,
    text_tokens: int = defaults.TEXT_TOKENS,
    output_tokens: int = defaults.OUTPUT_TOKENS,
    batch_size: int = defaults.BATCH_SIZE,
    dtype: str = defaults.DTYPE,
    kv_dtype: str | None = None,
    quant: str | None = None,
    logits: str = defaults.LOGITS,
    attention: str = defaults.ATTENTION,
) -> Load:
    """Return a request whose names are read; its image is the encoder's own size by default.

    Raises:
        InputError: a name, size or number that cannot be.
    """
    if logits not in ("last", "all"):
        where = Argument("logits")
        raise InputError(expected="`last` or `all`", got=f"`{logits}`", where=where)
    return Load(
        image=_own_size(spec) if image is None else size_of(image),
        num_images=num_images,
        text_tokens=text_tokens,
        output_tokens=output_tokens,
        batch_size=batch_size,
        dtype=parse_dtype(dtype, where=Argument("dtype")),
        kv_dtype=None if kv_dtype is None else parse_kv_dtype(kv_dtype, where=Argument("kv_dtype")),
        quantisation=None if quant is None else parse_quantisation(quant, where=Argument("quant")),
        logits="all" if logits == "all" else "last",
        attention=parse_attention(attention, where=Argument("attention")),
    )


def _own_size(spec: ModelSpec) -> ImageSize:
    """Return the square that a model's encoder was trained on; a usual one without any."""
    side = (spec.vision.image_size if spec.vision else None) or defaults.SIDE_PX
    return ImageSize(side, side)


def device_of(device: str | DeviceSpec) -> DeviceSpec:
    """Return a device of a name or file, or as it is; raises as `load_device`."""
    if isinstance(device, DeviceSpec):
        return device
    return load_device(device, where=Argument("device"))


def model_of(model: str | ModelSpec) -> ModelSpec:
    """Return a model of a name or file, or as it is.

    Raises:
        InputError: there is none of that name, or it is a hosted API or a part.
        SpecError: the model's YAML file is not valid.
    """
    spec = subject_of(model)
    if isinstance(spec, FusionSpec):
        raise InputError(expected="a whole model", got=f"`{model}`, a fusion method alone")
    return spec


def subject_of(name: str | ModelSpec | FusionSpec) -> ModelSpec | FusionSpec:
    """Return what can be inspected: a model, or the fusion method of `fusion:NAME` or a file.

    Raises:
        InputError: there is none of that name, or it is a hosted API or another part.
        SpecError: the YAML file is not valid.
    """
    if not isinstance(name, str):
        return name
    if name.startswith(FUSION_PREFIX):
        return load_fusion(_method_name(name))
    spec = load_any(name) if is_file_name(name) else _named(name)
    if isinstance(spec, ModelSpec | FusionSpec):
        return spec
    is_api = isinstance(spec, ApiSpec)
    raise InputError(
        expected="a model whose architecture is known",
        got=f"`{name}`, of which only tokens and prices are" if is_api else f"`{name}`, a part",
        hint=f"`vlcalc tokens --model {name}`" if is_api else "",
    )


def _method_name(name: str) -> str:
    if name == FUSION_PREFIX:
        raise InputError(
            expected="`fusion:NAME`", got=f"`{name}`", hint="such as `fusion:llava-1.5-7b-mlp`"
        )
    return name.removeprefix(FUSION_PREFIX)


def _named(name: str) -> Spec:
    """Return the model of a name; where a fusion method has it, say how that is asked for."""
    try:
        return load_spec(name)
    except InputError as error:
        try:
            load_fusion(name)
        except InputError:
            raise error from None
        raise InputError(
            expected="a model, or `fusion:NAME`", got=f"`{name}`", hint=f"`fusion:{name}`"
        ) from None
