"""Name or file -> validated spec: parts filled in, variants laid over, errors gathered."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from vlcalc.core.errors import InputError, SpecError, near_miss
from vlcalc.fusion.base import FUSIONS
from vlcalc.spec import catalogue
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.document import Document, Mark
from vlcalc.spec.messages import explain_errors
from vlcalc.spec.override import overridden
from vlcalc.spec.schema import FusionSpec, LanguageSpec, ModelSpec, Spec, VisionSpec
from vlcalc.tiling.base import Frozen

if TYPE_CHECKING:
    from vlcalc.spec.device import DeviceSpec

PARTS: dict[str, type[VisionSpec | LanguageSpec]] = {
    "vision": VisionSpec,
    "language": LanguageSpec,
}
# Key of a model's spec -> kind of the part that `use:` names there.
SLOTS = {
    "vision": "vision",
    "second_vision": "vision",
    "language": "language",
    "fusion": "fusion",
}
# In the place of a part that is not there, while the rest of its spec is validated.
STAND_INS = {"vision": {"name": "unknown"}, "language": {"name": "unknown"}, "fusion": None}
MAX_BASES = 8  # models that build on each other
S = TypeVar("S", bound=Frozen)


def load_spec(name: str, settings: Document | None = None) -> Spec:
    """Return the architecture or hosted API that answers to `name`, or that a YAML file describes.

    Args:
        name: a spec's own name, its family, its Hugging Face id, or the path of a `.yaml` file.
        settings: what is laid over it.

    Raises:
        InputError: no spec answers to the name, or the file cannot be read.
        SpecError: the spec is not valid; it carries every error.
    """
    if catalogue.is_file_name(name):
        return build(catalogue.document_of(Path(name)), settings=settings)
    if settings is not None:
        entry = catalogue.find(name, ("model", "api"))
        return build(catalogue.document_of(entry.path), entry.variant, settings)
    return _shipped_spec(name)


@cache
def _shipped_spec(name: str) -> Spec:
    return build_entry(catalogue.find(name, ("model", "api")))


def spec_of(model: Any) -> Spec:
    """Return a spec as it is, or the one that a name stands for; callers may pass anything.

    Raises:
        InputError: it is neither, or `load_spec` finds nothing.
        SpecError: as of `load_spec`.
    """
    if isinstance(model, ModelSpec | ApiSpec):
        return model
    if isinstance(model, str):
        return load_spec(model)
    raise InputError(expected="a spec or the name of one", got=f"a {type(model).__name__}")


def load_fusion(name: str) -> FusionSpec:
    """Return the fusion preset that answers to `name`, or that a YAML file describes.

    Args:
        name: a preset's own name or alias, a method's kind (with its default hyper-parameters where
            no preset has that name), or the path of a `.yaml` file.

    Raises:
        InputError: nothing answers to the name, or the file cannot be read.
        SpecError: the preset is not valid; it carries every error.
    """
    if catalogue.is_file_name(name):
        return validate(FusionSpec, catalogue.document_of(Path(name)))
    return _shipped_fusion(name)


@cache
def _shipped_fusion(name: str) -> FusionSpec:
    try:
        entry = catalogue.find(name, ("fusion",))
    except InputError:
        return _bare_fusion(name)
    return validate(FusionSpec, catalogue.document_of(entry.path))


def _bare_fusion(name: str) -> FusionSpec:
    """Return a method that no preset is named after, with its default hyper-parameters."""
    kind, kinds = name.strip().casefold(), FUSIONS.names()
    if kind not in kinds:
        presets = [alias for entry in catalogue.entries("fusion") for alias in entry.names]
        raise InputError(
            expected="the name of a fusion method or preset, or a YAML file",
            got=f"`{name}`",
            hint=near_miss(kind, [*kinds, *presets])
            or "`vlcalc specs list --kind fusion` shows all names",
        )
    try:
        return FusionSpec.model_validate({"name": kind, "fusion": {"kind": kind}})
    except ValidationError as error:
        missing = ", ".join(f"`{detail['loc'][-1]}`" for detail in error.errors() if detail["loc"])
        raise InputError(
            expected=f"a preset of `{kind}`, which has no defaults for {missing}",
            got=f"`{kind}`",
            hint="write a YAML file with its `fusion:` block",
        ) from None


def build_entry(entry: catalogue.Entry) -> Spec:
    """Return the spec of a catalogue entry; raises SpecError when it is not valid."""
    return build(catalogue.document_of(entry.path), entry.variant)


def build(document: Document, variant: int | None = None, settings: Document | None = None) -> Spec:
    """Return the spec of a file's content, or one of its variants, with settings laid over it.

    Raises:
        SpecError: it is not valid, or a part that it uses is not; carries every error.
    """
    errors: list[InputError] = []
    resolved = resolve(document, variant, errors, settings)
    try:
        if "provider" in resolved.data:
            spec: Spec = validate(ApiSpec, resolved)
        else:
            spec = validate(ModelSpec, resolved)
    except SpecError as error:
        errors.extend(error.errors)
    if errors:
        raise SpecError(errors)
    return spec


def resolve(
    document: Document,
    variant: int | None,
    errors: list[InputError],
    settings: Document | None = None,
) -> Document:
    """Return a spec's content with its variant and settings laid over it, its parts filled in.

    What is wrong with its parts is added to `errors`, so that the rest can still be validated.
    """
    resolved = _on_base(document.without("variants"), errors)
    if variant is not None:
        resolved = resolved.overlaid(document.at("variants", variant))
        # A variant answers to its own names only, even where it gives none.
        if "aliases" not in document.data["variants"][variant]:
            resolved = resolved.without("aliases")
    return with_settings(resolved, settings, errors)


def _on_base(document: Document, errors: list[InputError], depth: int = 0) -> Document:
    """Return a spec's content laid over that of the model it builds on, which `use` names.

    Of that, the names and the figures that others printed are its own.
    """
    if "use" not in document.data:
        return document
    own, name, mark = document.without("use"), str(document.data["use"]), document.mark(("use",))
    try:
        base = _base(name, mark, errors, depth)
    except InputError as error:
        errors.append(error)
        return own
    return overridden(base.without("name", "title", "aliases", "published"), own)


def _base(name: str, mark: Mark, errors: list[InputError], depth: int) -> Document:
    """Return the content of the model that a file builds on, whose own base is laid under it."""
    if depth == MAX_BASES:
        expected = f"at most {MAX_BASES} models, each built on the next"
        raise InputError(expected=expected, got="more", where=f"{mark} `use`")
    if catalogue.is_file_name(name):
        document, variant = catalogue.document_of(Path(mark.file).parent / name), None
    else:
        entry = catalogue.find(name, ("model", "api"), where=f"{mark} `use`")
        document, variant = catalogue.document_of(entry.path), entry.variant
    base = _on_base(document.without("variants"), errors, depth + 1)
    return base if variant is None else base.overlaid(document.at("variants", variant))


def with_settings(
    document: Document, settings: Document | None, errors: list[InputError]
) -> Document:
    """Return a spec's content with settings laid over it and its parts filled in."""
    resolved = document if settings is None else overridden(document, settings)
    for key, kind in SLOTS.items():
        resolved = _with_part(resolved, key, kind, errors)
    return resolved


def _with_part(document: Document, key: str, kind: str, errors: list[InputError]) -> Document:
    block = document.data.get(key)
    if not isinstance(block, dict) or "use" not in block:
        return document
    try:
        part = _part(document, key, kind)
    except (InputError, SpecError) as error:
        errors.extend(error.errors if isinstance(error, SpecError) else [error])
        return Document({**document.data, key: STAND_INS[kind]}, document.marks)
    overrides = document.at(key).without("use")
    filled = part.overlaid(overrides).under(key)
    whole = Document({**document.data, key: None}, document.marks).overlaid(filled)
    # What is wrong with the block as a whole stands where the part was chosen, not in the part.
    return Document(whole.data, {**whole.marks, (key,): document.mark((key,))})


def _part(document: Document, key: str, kind: str) -> Document:
    """Return the content of the part that `use:` names; of a fusion preset, its method."""
    name, mark = str(document.data[key]["use"]), document.mark((key, "use"))
    if catalogue.is_file_name(name):
        part = catalogue.document_of(Path(mark.file).parent / name)
    else:
        entry = catalogue.find(name, (kind,), where=f"{mark} `{key}.use`")
        part = catalogue.document_of(entry.path)
    validate(PART_MODELS[kind], part)
    return part.at("fusion") if kind == "fusion" else part


def validate(model: type[S], document: Document) -> S:
    """Return the document's content as a `model`; raises SpecError with every error."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise SpecError(explain_errors(error, model, document)) from None


def check_file(path: Path) -> list[InputError]:
    """Return every error of a spec file: its main spec, its variants, its name."""
    try:
        document = catalogue.document_of(path)
    except InputError as error:
        return [error]
    variants = document.data.get("variants") or ()
    errors = [
        error
        for variant in (None, *range(len(variants)))
        for error in _errors_of(document, variant)
    ]
    return list({str(error): error for error in errors}.values())


def kind_of(document: Document) -> str:
    """Return what a file describes: by its folder in the catalogue, else by the keys it has."""
    folder = Path(document.mark(()).file).parent
    for kind, name in catalogue.FOLDERS.items():
        if folder == catalogue.specs_folder() / name:
            return kind
    keys = set(document.data)
    for kind, telling in TELLING_KEYS.items():
        if keys & telling:
            return kind
    return "model"


def build_any(document: Document, variant: int | None = None) -> Frozen:
    """Return the spec of a file's content, of whatever kind it is; raises as `build`."""
    kind = kind_of(document)
    model = PART_MODELS.get(kind)
    if kind == "device":
        return build_device(document, variant)
    return build(document, variant) if model is None else validate(model, document)


def build_device(document: Document, variant: int | None = None) -> DeviceSpec:
    """Return the device that a file's content describes; raises SpecError with every error."""
    from vlcalc.spec.device import DeviceSpec  # models need not wait for it

    return validate(DeviceSpec, resolve(document, variant, []))


def load_any(name: str) -> Frozen:
    """Return the spec of any kind that answers to `name`, or that a YAML file describes.

    Raises:
        InputError: no spec answers to the name, or the file cannot be read.
        SpecError: the spec is not valid; it carries every error.
    """
    if catalogue.is_file_name(name):
        return build_any(catalogue.document_of(Path(name)))
    entry = catalogue.find(name, tuple(catalogue.FOLDERS))
    return build_any(catalogue.document_of(entry.path), entry.variant)


def _errors_of(document: Document, variant: int | None) -> tuple[InputError, ...]:
    try:
        build_any(document, variant)
    except SpecError as error:
        return error.errors
    except InputError as error:
        return (error,)
    return ()


PART_MODELS: dict[str, type[Frozen]] = {**PARTS, "fusion": FusionSpec}
# Keys that only one kind of file has, in the order in which they are looked for.
TELLING_KEYS = {
    "device": {"flops_per_s", "bandwidth_bytes_per_s", "memory_bytes", "reported_as"},
    "model": {"tiling", "language", "variants", "use"},
    "api": {"provider", "details"},
    "fusion": {"fusion", "native"},
    "vision": {"patch_size", "image_size", "encoder", "opaque", "feature_layer", "drop_cls"},
    "language": {"context_window", "decoder", "encoder_decoder", "text_encoder"},
}
