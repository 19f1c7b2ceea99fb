"""What can be timed: fusion methods on settings, each a case with its module and inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from torch import Tensor, nn

from vlcalc.comparison.setting import Setting, make_setting
from vlcalc.core.image_size import ImageSize
from vlcalc.runs.run import Conditions
from vlcalc.runs.timed_comparison import setting_conditions
from vlcalc.spec.schema import FusionSpec, LanguageSpec, VisionSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One thing to time.

    Attributes:
        target: name of the method, or path of the component.
        conditions: what it runs on.
        build_module: gives the module on a device.
        build_inputs: gives the arguments of its forward pass on a device.
        check: raises where the target does not go with the conditions.
    """

    target: str
    kind: Literal["method", "component"]
    conditions: Conditions
    build_module: Callable[[str], nn.Module]
    build_inputs: Callable[[str], tuple[Tensor, ...]]
    check: Callable[[], None] = lambda: None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What cases are made of: the product of all of it.

    Attributes:
        images: sizes of images; empty for tiles.
        tile_sides_px: sides of a tile, or of a model's square image; None is the encoder's own.
        num_tiles: numbers of tiles; None is one.
    """

    images: Sequence[ImageSize] = ()
    tile_sides_px: Sequence[int | None] = (None,)
    num_tiles: Sequence[int | None] = (None,)
    batch_sizes: Sequence[int] = (1,)
    dtypes: Sequence[str] = ("float32",)
    text_tokens: int = 50

    def settings(
        self, vision: VisionSpec, language: LanguageSpec
    ) -> Iterator[tuple[ImageSize | None, Setting]]:
        """Yield every setting with the image it comes from.

        Raises:
            InputError: a size or count that cannot be, or images and tiles at once.
        """
        images: Sequence[ImageSize | None] = self.images or (None,)
        for image, side, tiles, batch_size, dtype in product(
            images, self.tile_sides_px, self.num_tiles, self.batch_sizes, self.dtypes
        ):
            yield (
                image,
                make_setting(
                    vision,
                    language,
                    image=image,
                    tile_px=side,
                    num_tiles=tiles,
                    text_tokens=self.text_tokens,
                    batch_size=batch_size,
                    dtype=dtype,
                ),
            )


def method_cases(
    methods: Sequence[FusionSpec], vision: VisionSpec, language: LanguageSpec, choices: Choices
) -> list[Case]:
    """Return a case for each fusion method on each setting.

    Raises:
        InputError: a size or count that cannot be, or an encoder or decoder that is not known.
    """
    settings = list(choices.settings(vision, language))
    return [
        _method_case(method, setting, image) for method in methods for image, setting in settings
    ]


def _method_case(method: FusionSpec, setting: Setting, image: ImageSize | None) -> Case:
    fusion, dims = method.fusion, setting.dims
    return Case(
        target=method.name,
        kind="method",
        conditions=setting_conditions(setting).model_copy(update={"image": str(image or "")}),
        build_module=lambda device: fusion.build(dims, device),
        build_inputs=lambda device: fusion.example_inputs(dims, device),
        check=lambda: fusion.check(dims),
    )
