"""What fusion methods are compared on: an encoder, a language model, a grid of tokens, a prompt."""

from __future__ import annotations

from dataclasses import dataclass

from vlcalc.backbones.decoder import Decoder
from vlcalc.core.bounds import MAX_BATCH_SIZE
from vlcalc.core.dtypes import DTYPE_BYTES
from vlcalc.core.errors import InputError, near_miss
from vlcalc.core.image_size import ImageSize
from vlcalc.fusion.base import Dims
from vlcalc.spec.schema import LanguageSpec, VisionSpec
from vlcalc.tokens.calculator import calculate, cut_image

ATTENTION_BACKENDS = ("math", "flash", "efficient")


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What all methods are compared on.

    Attributes:
        vision: the encoder; its width must be known.
        language: the language model; its decoder must be known.
        columns: visual tokens across the grid of one encoder input.
        rows: visual tokens down that grid.
        num_views: encoder inputs of one image, thumbnail included.
        text_tokens: text tokens of the prompt.
        batch_size: prompts at once, each with one image.
        dtype: of weights, activations and caches.
        attention: backend that peak activations are counted for.
    """

    vision: VisionSpec
    language: LanguageSpec
    columns: int
    rows: int
    num_views: int = 1
    text_tokens: int = 0
    batch_size: int = 1
    dtype: str = "bfloat16"
    attention: str = "flash"

    @property
    def decoder(self) -> Decoder:
        """The language model's decoder.

        Raises:
            InputError: it is not known.
        """
        if self.language.decoder is None:
            raise InputError(
                expected="a language model with a `decoder:` block", got=f"`{self.language.name}`"
            )
        return self.language.decoder

    @property
    def dims(self) -> Dims:
        """The dims that the methods are built for; raises InputError without a vision width."""
        if self.vision.width is None:
            raise InputError(
                expected="a vision encoder whose `width` is known", got=f"`{self.vision.name}`"
            )
        return Dims(
            vision_width=self.vision.width,
            text_width=self.decoder.width,
            columns=self.columns,
            rows=self.rows,
            num_views=self.num_views,
            num_prefix_tokens=self.vision.num_prefix_tokens or 0,
            num_text_tokens=self.text_tokens,
            text_depth=self.decoder.depth,
            vocab_size=self.decoder.vocab_size,
            batch_size=self.batch_size,
        )

    @property
    def dtype_bytes(self) -> int:
        """Bytes of one value."""
        return DTYPE_BYTES[self.dtype]


def make_setting(
    vision: VisionSpec,
    language: LanguageSpec,
    *,
    image: ImageSize | None = None,
    tile_px: int | None = None,
    num_tiles: int | None = None,
    text_tokens: int = 0,
    batch_size: int = 1,
    dtype: str = "bfloat16",
    attention: str = "flash",
) -> Setting:
    """Return a setting whose visual tokens follow from an image, or from tiles.

    Args:
        vision: the encoder.
        language: the language model.
        image: an image that is cut into as many tiles as cover it.
        tile_px: side of a tile in pixels; the encoder's own size by default.
        num_tiles: tiles in place of an image; a thumbnail comes on top of more than one.
        text_tokens: text tokens of the prompt.
        batch_size: prompts at once, each with one image.
        dtype: of weights, activations and caches.
        attention: backend that peak activations are counted for.

    Raises:
        InputError: a size or count that cannot be, an encoder without a size or patches, or an
            image and a number of tiles at once.
    """
    side, patch = tile_px or vision.image_size, vision.patch_size
    if side is None or patch is None:
        raise InputError(
            expected="a vision encoder with `image_size` and `patch_size`, or a side of a tile",
            got=f"`{vision.name}`",
        )
    if attention not in ATTENTION_BACKENDS:
        known = ", ".join(f"`{name}`" for name in ATTENTION_BACKENDS)
        hint = near_miss(attention, ATTENTION_BACKENDS)
        raise InputError(expected=f"an attention backend: {known}", got=f"`{attention}`", hint=hint)
    if not 1 <= batch_size <= MAX_BATCH_SIZE:
        raise InputError(
            expected=f"1 to {MAX_BATCH_SIZE:,} prompts in a batch", got=str(batch_size)
        )
    if image and num_tiles is not None:
        raise InputError(expected="an image or a number of tiles, not both", got="both")
    if image:
        tiles = cut_image(image, side, patch_px=patch)
    else:
        tiles = calculate(side, patch_px=patch, num_tiles=num_tiles)
    return Setting(
        vision=vision,
        language=language,
        columns=tiles.patches_per_side,
        rows=tiles.patches_per_side,
        num_views=tiles.num_views,
        text_tokens=text_tokens,
        batch_size=batch_size,
        dtype=dtype,
        attention=attention,
    )
