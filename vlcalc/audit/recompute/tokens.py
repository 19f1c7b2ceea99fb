"""Tokens: the calculator, and the tiling rules of the catalogue's models."""

from __future__ import annotations

from vlcalc.audit.recompute import RECOMPUTATIONS
from vlcalc.audit.recompute.lookup import model_named
from vlcalc.backbones.vit import VisionTransformer
from vlcalc.core.image_size import ImageSize
from vlcalc.cost.components import dims_of
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.fusion.per_token import PerToken
from vlcalc.fusion.pipeline import TextPipeline
from vlcalc.fusion.resampler import Resampler, num_keys
from vlcalc.spec.parts import load_vision
from vlcalc.spec.schema import VisionSpec
from vlcalc.tokens.budget import Request, budget
from vlcalc.tokens.calculator import calculate

READERS_OF_PREFIX = (InsertedLayers, PerToken, Resampler, TextPipeline)


@RECOMPUTATIONS.register("image_tokens_of_tiles")
def image_tokens_of_tiles(px: int, tiles: int = 1, thumbnails: int = 0, patch: int = 14) -> int:
    """Return the tokens of square tiles, a patch each, and of a thumbnail of their size."""
    return calculate(px, patch_px=patch, num_tiles=tiles, thumbnail=bool(thumbnails)).image_tokens


@RECOMPUTATIONS.register("raw_values")
def raw_values(px: int, vision: str) -> int:
    """Return the values of all patches of a square image as an encoder takes them in."""
    encoder = _encoder(load_vision(vision))
    return (px // encoder.patch_size) ** 2 * encoder.patch_inputs


@RECOMPUTATIONS.register("encoder_tokens")
def encoder_tokens(vision: str) -> list[int]:
    """Return the tokens that an encoder gives, prefix tokens included, and their width."""
    spec = load_vision(vision)
    encoder = _encoder(spec)
    side = (spec.image_size or 0) // encoder.patch_size
    return [encoder.num_tokens(side, side), encoder.output_width]


@RECOMPUTATIONS.register("fused_tokens")
def fused_tokens(model: str) -> int:
    """Return the visual tokens of a square image that a model's fusion method reads."""
    spec = model_named(model)
    dims = dims_of(spec)
    fusion = spec.fusion
    reader = (fusion.resampler if isinstance(fusion, InsertedLayers) else None) or fusion
    keep_prefix = isinstance(reader, READERS_OF_PREFIX) and reader.keep_prefix
    return num_keys(dims, keep_prefix=keep_prefix)


@RECOMPUTATIONS.register("image_tokens")
def image_tokens(model: str, image: int, frames: int = 1) -> int:
    """Return the positions that square images of some pixels take in a model's sequence."""
    request = Request(num_images=frames)
    return budget(model_named(model), ImageSize(image, image), request).image_tokens


@RECOMPUTATIONS.register("sequence_length")
def sequence_length(model: str, image: int, text: int) -> int:
    """Return the sequence of a prompt with a square image."""
    request = Request(text_tokens=text)
    return budget(model_named(model), ImageSize(image, image), request).sequence_length


def _encoder(spec: VisionSpec) -> VisionTransformer:
    assert spec.encoder
    return spec.encoder
