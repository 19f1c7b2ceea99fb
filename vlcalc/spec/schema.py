"""What an architecture is: the models behind the YAML of `specs/`.

A spec is data. Its field names are its YAML keys, unknown keys are refused, and nothing in it is
derived from anything else in it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from vlcalc.core.bounds import MAX_AMOUNT, Amount, NonNegativeFloat, NonNegativeInt, PositiveInt
from vlcalc.fusion.base import FusionField
from vlcalc.spec.agreement import check_agreement, check_encoders, check_grids
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.name import Name
from vlcalc.spec.part_specs import LanguageSpec, VisionSpec
from vlcalc.tiling.base import Frozen, TilingField, TilingPolicy, VideoField, VideoPolicy

__all__ = [
    "ExtraParams",
    "FusionSpec",
    "LanguageSpec",
    "ModelSpec",
    "NativeDims",
    "Published",
    "Spec",
    "TrainingStage",
    "VisionSpec",
]


Part = Literal["vision", "fusion", "language"]


class Published(Frozen):
    """A number that somebody printed about a spec, and where.

    Attributes:
        metric: what it counts, e.g. `params`.
        value: the number, as printed after its unit is written out.
        source: who printed it and where.
        note: why ours differs, where it does.
        of: the spec that it is a figure of, where that is not the one it stands in.
        sequence_length: positions of the prompt that FLOPs are of.
        convention: how FLOPs were counted, by its name in `vlcalc.audit.conventions`.
    """

    metric: str
    value: Annotated[int, Field(ge=0, le=MAX_AMOUNT)] | NonNegativeFloat
    source: str
    note: str = ""
    of: str = ""
    sequence_length: PositiveInt | None = None
    convention: str = ""


class TrainingStage(Frozen):
    """One stage of training: the components whose parameters change; all others are frozen.

    Attributes:
        name: what the authors call it.
        train: `vision`, `fusion`, `language`.
        without: components that are not there in this stage, which is then before the model.
        fusion: the method of this stage where it is not the model's, e.g. with heads that are
            dropped after it.
        frozen: parameters of a trained component that stay as they are.
        note: what the keys cannot say.
    """

    name: str
    train: tuple[Part, ...]
    without: tuple[Part, ...] = ()
    fusion: FusionField | None = None
    frozen: dict[Part, Amount] = Field(default={})
    note: str = ""

    @model_validator(mode="after")
    def _check(self) -> TrainingStage:
        if set(self.train) & set(self.without):
            raise PydanticCustomError("stage", "expected no part in both `train` and `without`")
        if set(self.frozen) - set(self.train):
            raise PydanticCustomError("stage", "expected `frozen` of parts in `train` only")
        return self


class ExtraParams(Frozen):
    """Parameters that no part has: learned separators, adapters, a head that is never run.

    Attributes:
        what: what they are, in a few words.
        component: which component they count for; `other` is neither image nor text.
        params: how many; None where they are vectors of text width.
        num_text_vectors: how many vectors as wide as the language model, e.g. one newline.
        num_logits: how many of them are rows of the head, each with a logit of its own.
    """

    what: str
    component: Literal["vision", "fusion", "language", "other"]
    params: Amount | None = None
    num_text_vectors: PositiveInt | None = None
    num_logits: NonNegativeInt = 0

    @model_validator(mode="after")
    def _check(self) -> ExtraParams:
        if self.num_logits > (self.num_text_vectors or 0):
            message = "expected `num_logits` of at most `num_text_vectors`"
            raise PydanticCustomError("extra_params", message)
        if (self.params is None) == (self.num_text_vectors is None):
            message = "expected exactly one of `params`, `num_text_vectors`"
            raise PydanticCustomError("extra_params", message)
        return self


class ModelSpec(Frozen):
    """An architecture: vision encoder, tiling policy, language model.

    Attributes:
        name: its own name; the stem of its file, or the name of a variant in it.
        title: the name people know it by.
        aliases: other names it answers to, Hugging Face ids among them.
        vision: the encoder, whose patch size `tiling` and `video` take; None where pixels go
            straight into the language model (Fuyu).
        second_vision: the other encoder of an image, where it has two (OpenVLA, DeepSeek-VL).
        tiling: the rule from an image's size to tokens.
        video: the rule for clips; None where frames are sent as images.
        fusion: how vision reaches the language model; None where it is not modelled yet.
        language: the language model.
        extra_params: parameters beside those of the parts.
        training: the stages it was trained in.
        published: figures that others printed; tests and the audit hold ours against them.
        notes: what a reader of the count must know: disagreements, traps, doubts.
        sources: where the rule and its parameters are from.
    """

    name: Name
    title: str = ""
    aliases: tuple[str, ...] = ()
    vision: VisionSpec | None = None
    second_vision: VisionSpec | None = None
    tiling: TilingField
    video: VideoField | None = None
    fusion: FusionField | None = None
    language: LanguageSpec
    extra_params: tuple[ExtraParams, ...] = ()
    training: tuple[TrainingStage, ...] = ()
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _inherit_patch_size(cls, data: Any) -> Any:
        """Give the rules for images and clips the encoder's patch size, unless they set one."""
        patch_size = _patch_size(data.get("vision")) if isinstance(data, dict) else None
        if patch_size is None:
            return data
        rules = {key: data[key] for key in ("tiling", "video") if data.get(key) is not None}
        return {**data, **{key: _with_patch_size(rule, patch_size) for key, rule in rules.items()}}

    @model_validator(mode="after")
    def _check(self) -> ModelSpec:
        check_encoders(self.encoders, self.fusion)
        check_agreement(self.vision, self.tiling, self.fusion, self.language)
        check_grids(self.encoders, self.tiling, self.fusion, self.language)
        return self

    @property
    def components(self) -> tuple[Part, ...]:
        """What it consists of: all three, but for a part by itself (`vlcalc.spec.alone`)."""
        return ("vision", "fusion", "language")

    @property
    def encoders(self) -> tuple[VisionSpec, ...]:
        """The vision encoders, the one that the tiling is for first."""
        return tuple(vision for vision in (self.vision, self.second_vision) if vision)

    @property
    def context_window(self) -> int | None:
        """The language model's window."""
        return self.language.context_window


Spec = ModelSpec | ApiSpec


def _patch_size(vision: Any) -> int | None:
    """Return the patch size of an encoder, validated or not; None where it has none."""
    if isinstance(vision, VisionSpec):
        return vision.patch_size
    if not isinstance(vision, dict):
        return None
    stated = vision.get("patch_size")
    if stated is None:
        return _patch_size(vision.get("encoder"))
    return stated if isinstance(stated, int) else None  # said where the field itself is validated


def _with_patch_size(rule: Any, patch_size: int) -> Any:
    """Return a rule, validated or not, with a patch size where it has none."""
    if isinstance(rule, dict):
        return {"patch_size": patch_size, **rule}
    if isinstance(rule, TilingPolicy | VideoPolicy) and rule.patch_size is None:
        return rule.model_copy(update={"patch_size": patch_size})
    return rule


class NativeDims(Frozen):
    """The dims that a published design was built for; keys as in `vlcalc.fusion.base.Dims`."""

    vision_width: PositiveInt
    text_width: PositiveInt
    columns: PositiveInt
    rows: PositiveInt
    num_views: PositiveInt = 1
    num_prefix_tokens: NonNegativeInt = 0
    num_text_tokens: NonNegativeInt = 0
    text_depth: PositiveInt = 32
    vocab_size: PositiveInt = 32_000


class FusionSpec(Frozen):
    """A fusion method with its hyper-parameters: a preset of `specs/fusion`.

    Attributes:
        name: its own name, the stem of its file.
        fusion: the method and its hyper-parameters.
        native: the dims of the published design; None for a generic preset.
        published: figures of that design; a test holds ours against them.
        groups: names of groups it is listed in, e.g. `projection`.
        used_by: models that use it.
    """

    name: Name
    title: str = ""
    aliases: tuple[str, ...] = ()
    fusion: FusionField
    native: NativeDims | None = None
    published: tuple[Published, ...] = ()
    groups: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
