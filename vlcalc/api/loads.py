"""Models and requests as callers of the API give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypedDict

from vlcalc.api import defaults
from vlcalc.api.argument import Argument
from vlcalc.api.arguments import AnySize, size_of
from vlcalc.api.overrides import spec_with
from vlcalc.checkpoint.named import load_model
from vlcalc.checkpoint.stored import weights_beside
from vlcalc.checkpoint.weights.stored_weights import StoredWeights
from vlcalc.core.dtypes import parse_dtype
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.cost.components import ByComponent, components
from vlcalc.inference.load import Load, StoredBytes, parse_attention, parse_kv_dtype
from vlcalc.inference.quantisation import parse_quantisation
from vlcalc.spec.alone import PartAlone, encoder_alone, language_alone
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.catalogue import is_file_name
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.devices import load_device
from vlcalc.spec.loader import load_any, load_fusion
from vlcalc.spec.parts import load_language, load_vision
from vlcalc.spec.schema import FusionSpec, LanguageSpec, ModelSpec, VisionSpec
from vlcalc.tiling.base import Frozen

if TYPE_CHECKING:
    from typing_extensions import Unpack


class PartKind(NamedTuple):
    """A kind of part: how one is found by its name, and the name of one."""

    load: Callable[[str], VisionSpec | LanguageSpec | FusionSpec]
    example: str


PARTS_BY_KIND = {
    "vision": PartKind(load_vision, defaults.VISION),
    "language": PartKind(load_language, defaults.LANGUAGE),
    "fusion": PartKind(load_fusion, "llava-1.5-7b-mlp"),
}
# In place of a whole model: a part by itself, too.
AnyModel: TypeAlias = str | ModelSpec | VisionSpec | LanguageSpec


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


# What is not asked of a part by itself, why, and what stands there instead.
NOT_OF_PART: dict[str, tuple[str, ...]] = {
    "vision": ("num_images", "text_tokens", "output_tokens", "kv_dtype", "quant", "logits"),
    "language": ("image", "num_images"),
}
REFUSAL = {
    "vision": "an option of encoders (`batch` is their number of images)",
    "language": "an option of language models (they see no images)",
}
OF_PART: dict[str, LoadOptions] = {
    "vision": {"text_tokens": 0, "output_tokens": 1},
    "language": {"num_images": 0},
}


def load_of(spec: ModelSpec, image: AnySize | None, **options: Unpack[LoadOptions]) -> Load:
    """Return a request whose names are read; its image is the encoder's own size by default.

    Raises:
        InputError: a name, size or number that cannot be, or that a part by itself has no use for.
    """
    if isinstance(spec, PartAlone):
        _check_part(spec, image, options)
        options = {**_answer_that_fits(spec, options), **options, **OF_PART[spec.part]}
    return _load(spec, image, **options)


def _answer_that_fits(spec: PartAlone, options: LoadOptions) -> LoadOptions:
    """Return the usual answer of a language model, or as much of it as its window leaves."""
    room = defaults.OUTPUT_TOKENS
    if spec.context_window is not None:
        room = spec.context_window - options.get("text_tokens", defaults.TEXT_TOKENS)
    return {"output_tokens": max(min(room, defaults.OUTPUT_TOKENS), 1)}


def _check_part(spec: PartAlone, image: AnySize | None, options: LoadOptions) -> None:
    """Refuse what a part by itself has no use for."""
    given = {"image": image, **options}
    for name in NOT_OF_PART[spec.part]:
        if given.get(name) is not None:
            expected, got = REFUSAL[spec.part], f"`{given[name]}` for `{spec.name}`"
            raise InputError(expected=expected, got=got, where=Argument(name))
    if image is not None and not spec.takes_any_size and size_of(image) != spec.own_size:
        raise InputError(
            expected=f"{spec.own_size}, the only size that `{spec.name}` takes",
            got=f"`{size_of(image)}`",
            where=Argument("image"),
        )


def _load(
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


def stored_of(
    model: AnyModel,
    spec: ModelSpec,
    options: LoadOptions,
    overrides: Mapping[str, object] | None,
) -> StoredWeights | None:
    """Return the weights of a checkpoint's folder; None where it is not to be used.

    A model whose keys are overridden is another one than the files are of; a dtype or quantisation
    that was asked for is another one than they have.

    Raises:
        InputError: the header of a file is not what it should be.
    """
    if not isinstance(model, str) or overrides or {"dtype", "quant"} & options.keys():
        return None
    return weights_beside(model, spec)


def keeping(load: Load, spec: ModelSpec, stored: StoredWeights | None) -> Load:
    """Return a request to a model whose weights are kept as its files have them."""
    if stored is None:
        return load
    weights = ByComponent(**stored.weight_bytes)
    return replace(load, stored=StoredBytes(weights, ByComponent(*components(spec))))


def _own_size(spec: ModelSpec) -> ImageSize:
    """Return the square that a model's encoder was trained on; a usual one without any."""
    if isinstance(spec, PartAlone) and spec.own_size:
        return spec.own_size
    side = (spec.vision.image_size if spec.vision else None) or defaults.SIDE_PX
    return ImageSize(side, side)


def check_split(spec: ModelSpec, tp: int) -> None:
    """Refuse to split an encoder by itself: only language models are split over devices."""
    if tp != 1 and "language" not in spec.components:
        raise InputError(
            expected="a language model to split", got=f"`{spec.name}`", where=Argument("tp")
        )


def device_of(device: str | DeviceSpec) -> DeviceSpec:
    """Return a device of a name or file, or as it is; raises as `load_device`."""
    if isinstance(device, DeviceSpec):
        return device
    return load_device(device, where=Argument("device"))


def model_of(model: AnyModel, overrides: Mapping[str, object] | None = None) -> ModelSpec:
    """Return a model, or an encoder or language model by itself, of a name or file or as it is.

    Of a model by name or file, keys can be overridden.

    Raises:
        InputError: there is none of that name, or it is a hosted API or a fusion method.
        SpecError: the model's YAML file is not valid.
    """
    spec = subject_of(model, overrides)
    if isinstance(spec, FusionSpec):
        raise InputError(expected="a whole model", got=f"`{model}`, a fusion method alone")
    return spec


def whole_model_of(model: AnyModel, overrides: Mapping[str, object] | None = None) -> ModelSpec:
    """Return a whole model; raises as `model_of`, for a part by itself too."""
    spec = model_of(model, overrides)
    if isinstance(spec, PartAlone):
        raise InputError(expected="a whole model", got=f"`{spec.name}`, a part of models")
    return spec


def subject_of(
    name: AnyModel | FusionSpec, overrides: Mapping[str, object] | None = None
) -> ModelSpec | FusionSpec:
    """Return what can be inspected: a model, or a part of models by itself.

    A part goes by its name, or by that of its YAML file; where a model has the same name, by
    `vision:NAME` or `language:NAME`. A fusion method always goes by `fusion:NAME`.
    Of a whole model only can keys be overridden.

    Raises:
        InputError: there is none of that name, or it is a hosted API or a device.
        SpecError: the YAML file is not valid.
    """
    spec: Frozen = spec_with(name, overrides) if overrides else _subject(name)
    if isinstance(spec, ModelSpec | FusionSpec):
        return spec
    if isinstance(spec, VisionSpec):
        return encoder_alone(spec)
    if isinstance(spec, LanguageSpec):
        return language_alone(spec)
    is_api = isinstance(spec, ApiSpec)
    raise InputError(
        expected="a model whose architecture is known",
        got=f"`{name}`, of which only tokens and prices are" if is_api else f"`{name}`",
        hint=f"`vlcalc tokens --model {name}`" if is_api else "",
    )


def _subject(name: AnyModel | FusionSpec) -> Frozen:
    return _named(name) if isinstance(name, str) else name


def _named(name: str) -> Frozen:
    """Return the spec of a name, of `KIND:NAME` or of a file."""
    kind, colon, of_kind = name.partition(":")
    if colon and kind in PARTS_BY_KIND:
        if not of_kind:
            example = PARTS_BY_KIND[kind].example
            raise InputError(
                expected=f"`{kind}:NAME`", got=f"`{name}`", hint=f"such as `{kind}:{example}`"
            )
        return PARTS_BY_KIND[kind].load(of_kind)
    return load_any(name) if is_file_name(name) else _model_or_part(name)


def _model_or_part(name: str) -> Frozen:
    """Return a model or else a part; where a fusion method has the name, say how to ask for it."""
    try:
        return load_model(name)
    except InputError as error:
        for kind, part in PARTS_BY_KIND.items():
            try:
                spec = part.load(name)
            except InputError:
                continue
            if isinstance(spec, FusionSpec):
                raise InputError(
                    expected=f"a model, or `{kind}:NAME`", got=f"`{name}`", hint=f"`{kind}:{name}`"
                ) from None
            return spec
        raise error from None
