"""A part by itself: a bare vision encoder, or a bare language model.

It is a model that has one component. What it lacks stands empty in its spec and is neither counted
nor shown: `components` says what there is. An encoder's images are its prompts, and no processor
resizes them; a language model reads text.
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.errors import InputError, RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.spec.part_specs import LanguageSpec, VisionSpec
from vlcalc.spec.schema import ModelSpec, Part
from vlcalc.tiling.base import Step, Tiling, TilingPolicy, View
from vlcalc.tiling.flat import Flat
from vlcalc.tiling.steps import patches_step

NO_LANGUAGE = LanguageSpec(name="none")
NO_IMAGES = Flat(kind="flat", tokens=1)


class Unresized(TilingPolicy):
    """An image goes into the encoder as it is: whole patches of it, as a convolution takes them."""

    kind: Literal["unresized"] = "unresized"

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        columns, rows = (side // self.patch for side in image)
        if not columns * rows:
            raise RefusedError(f"{image}: expected sides of at least a patch, {self.patch} px")
        view = View("image", 1, columns, rows)
        return Tiling(image, columns=1, rows=1, views=(view,), image_tokens=columns * rows)

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        return (patches_step(self._tile(image, num_images).views[0], self.patch),)


class PartAlone(ModelSpec):
    """A model of one component.

    Attributes:
        part: which one.
    """

    part: Literal["vision", "language"]

    @property
    def components(self) -> tuple[Part, ...]:
        return (self.part,)

    @property
    def takes_any_size(self) -> bool:
        """Whether it is an encoder that runs on any size, its positions interpolated or rotary."""
        encoder = self.vision.encoder if self.vision else None
        return encoder is not None and encoder.tiles is None

    @property
    def own_size(self) -> ImageSize | None:
        """The square that the encoder runs on by default; None where it has none of its own."""
        if self.vision is None:
            return None
        encoder, side = self.vision.encoder, self.vision.image_size
        if side is None and encoder and encoder.position_side:
            side = encoder.position_side * encoder.patch_size
        return None if side is None else ImageSize(side, side)


def encoder_alone(vision: VisionSpec) -> PartAlone:
    """Return a bare encoder.

    Raises:
        InputError: it is run beforehand and is no part of any model.
    """
    if vision.external:
        raise InputError(
            expected="an encoder that is part of a model",
            got=f"`{vision.name}`, which is run beforehand and costs nothing here",
        )
    return PartAlone(
        name=vision.name,
        title=vision.title,
        part="vision",
        vision=vision,
        # Of one that is no transformer no patch is known, nor shown.
        tiling=Unresized(patch_size=vision.patch_size or vision.image_size),
        language=NO_LANGUAGE,
        sources=vision.sources,
    )


def language_alone(language: LanguageSpec) -> PartAlone:
    """Return a bare language model."""
    return PartAlone(
        name=language.name,
        title=language.title,
        part="language",
        tiling=NO_IMAGES,
        language=language,
        sources=language.sources,
    )
