"""What the parts of an architecture are: a vision encoder, a language model."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from vlcalc.backbones.decoder import Decoder
from vlcalc.backbones.encoder_decoder import EncoderDecoder
from vlcalc.backbones.language import LanguageModel
from vlcalc.backbones.opaque import OpaqueEncoder
from vlcalc.backbones.text_encoder import TextEncoder
from vlcalc.backbones.vit import VisionTransformer
from vlcalc.core.bounds import NonNegativeInt, PositiveInt
from vlcalc.core.errors import InputError
from vlcalc.spec.name import Name
from vlcalc.tiling.base import Frozen


class VisionSpec(Frozen):
    """A vision encoder: what tokens need of it, and its shape where that is known.

    `patch_size`, `width` and `num_prefix_tokens` are those of `encoder` where it is given.

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
    feature_layer: Annotated[int, Field(ge=-10_000, le=10_000)] | None = None
    drop_cls: bool | None = None
    encoder: VisionTransformer | None = None
    opaque: OpaqueEncoder | None = None
    external: bool = False
    sources: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: Any) -> Any:
        """Fill in what the shape of the encoder says and the block leaves out."""
        if not isinstance(data, dict) or not data.get("encoder"):
            return data
        try:
            encoder = VisionTransformer.model_validate(data["encoder"])
        except ValidationError:
            return data  # said where the field itself is validated
        shape = {
            "patch_size": encoder.patch_size,
            "width": encoder.output_width,
            "num_prefix_tokens": encoder.num_prefix_tokens,
        }
        return {**shape, **{key: value for key, value in data.items() if value is not None}}

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
            self._check_feature_layer(self.encoder)
        return self

    def _check_feature_layer(self, encoder: VisionTransformer) -> None:
        """Refuse a layer that the encoder does not have, naming both."""
        try:
            encoder.num_layers_until(self.feature_layer or 0)
        except InputError as error:
            raise PydanticCustomError(
                "layer",
                "expected {expected} of an `encoder` with {depth} layers, got {got}",
                {"expected": error.expected, "depth": encoder.total_depth, "got": error.got},
            ) from None

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

    @property
    def text_depth(self) -> int:
        """Layers that inserted ones are counted by; 0 where the shape is not known."""
        return self.shape.text_depth if self.shape else 0
