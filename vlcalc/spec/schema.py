"""What an architecture is: the models behind the YAML of `specs/`.

A spec is data. Its field names are its YAML keys, unknown keys are refused, and nothing in it is
derived from anything else in it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from vlcalc.backbones.decoder import Decoder
from vlcalc.backbones.encoder_decoder import EncoderDecoder
from vlcalc.backbones.language import LanguageModel
from vlcalc.backbones.opaque import OpaqueEncoder
from vlcalc.backbones.text_encoder import TextEncoder
from vlcalc.backbones.vit import VisionTransformer
from vlcalc.fusion.base import FusionField
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.name import Name
from vlcalc.tiling.base import Frozen, TilingField, VideoField


class VisionSpec(Frozen):
    """A vision encoder: what tokens need of it, and its shape where that is known.

    Attributes:
        name: its own name, the stem of its file.
        patch_size: side of a patch in pixels.
        image_size: side of the square it was trained on, in pixels; None for native resolution.
        width: width of a visual token; None when not known.
        num_prefix_tokens: class and register tokens beside the patches; None when not known.
        feature_layer: the layer whose output is used, counted from the end when negative.
        drop_cls: whether the class token is thrown away.
        encoder: its shape, if it is a vision transformer and its shape is known.
        opaque: its published size, if its structure is not modelled.
        external: whether it is run beforehand and is no part of the model (a detector of regions),
            so that it has no parameters here.
        sources: where the figures are from.
    """

    name: Name
    title: str = ""
    aliases: tuple[str, ...] = ()
    patch_size: PositiveInt | None = None
    image_size: PositiveInt | None = None
    width: PositiveInt | None = None
    num_prefix_tokens: NonNegativeInt | None = None
    feature_layer: int | None = None
    drop_cls: bool | None = None
    encoder: VisionTransformer | None = None
    opaque: OpaqueEncoder | None = None
    external: bool = False
    sources: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> VisionSpec:
        if bool(self.encoder) + bool(self.opaque) + self.external > 1:
            message = "expected one of `encoder`, `opaque`, `external`, not several"
            raise PydanticCustomError("shapes", message)
        if self.encoder:
            self._check_same("patch_size", self.patch_size, self.encoder.patch_size)
            self._check_same("width", self.width, self.encoder.output_width)
            prefix = self.encoder.num_prefix_tokens
            self._check_same("num_prefix_tokens", self.num_prefix_tokens, prefix)
        return self

    @staticmethod
    def _check_same(key: str, stated: int | None, built: int) -> None:
        """Refuse a figure that is not that of the encoder, naming both."""
        if stated not in (None, built):
            raise PydanticCustomError(
                "same",
                "expected `{key}` as `encoder` has it ({built}), got {stated}",
                {"key": key, "built": built, "stated": stated},
            )


class LanguageSpec(Frozen):
    """A language model: its context window, and its shape where that is known.

    Attributes:
        name: its own name, the stem of its file.
        context_window: positions it was trained or released for; None when not known.
        decoder: its shape, if it is a decoder and its shape is known.
        encoder_decoder: its shape, if it is an encoder-decoder (T5).
        text_encoder: its shape, if it is a text encoder (CLIP's text tower, BERT).
        sources: where the figures are from.
    """

    name: Name
    title: str = ""
    aliases: tuple[str, ...] = ()
    context_window: PositiveInt | None = None
    decoder: Decoder | None = None
    encoder_decoder: EncoderDecoder | None = None
    text_encoder: TextEncoder | None = None
    sources: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> LanguageSpec:
        shapes = (self.decoder, self.encoder_decoder, self.text_encoder)
        if sum(shape is not None for shape in shapes) > 1:
            message = "expected one of `decoder`, `encoder_decoder`, `text_encoder`, not several"
            raise PydanticCustomError("shapes", message)
        return self

    @property
    def shape(self) -> LanguageModel | None:
        """Its shape, whichever kind it is of; None where it is not known."""
        return self.decoder or self.encoder_decoder or self.text_encoder

    @property
    def generates(self) -> bool:
        """Whether it writes an answer; one whose shape is not known is taken to."""
        return self.shape is None or self.shape.generates


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
    value: int | float
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
        note: what the names cannot say, e.g. that only some layers are trained.
    """

    name: str
    train: tuple[Literal["vision", "fusion", "language"], ...]
    note: str = ""


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
    params: PositiveInt | None = None
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
        vision: the encoder; None where pixels go straight into the language model (Fuyu).
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

    @property
    def encoders(self) -> tuple[VisionSpec, ...]:
        """The vision encoders, the one that the tiling is for first."""
        return tuple(vision for vision in (self.vision, self.second_vision) if vision)

    @property
    def context_window(self) -> int | None:
        """The language model's window."""
        return self.language.context_window


Spec = ModelSpec | ApiSpec


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
