"""What a model is asked to do: images, text, an answer; batch, number formats, conventions."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast, get_args

from vlcalc.backbones.decoder import Logits
from vlcalc.core.bounds import MAX_BATCH_SIZE
from vlcalc.core.dtypes import DTYPE_BYTES
from vlcalc.core.errors import InputError, near_miss
from vlcalc.core.image_size import ImageSize
from vlcalc.cost.components import ByComponent
from vlcalc.inference.quantisation import Quantisation
from vlcalc.tokens.budget import Request

Attention = Literal["math", "flash", "efficient", "cpu"]

KV_DTYPE_BYTES = {**DTYPE_BYTES, "float8": 1, "int8": 1}
MAX_OUTPUT_TOKENS = 10_000_000


class StoredBytes(NamedTuple):
    """What the files of a checkpoint hold of a model.

    Attributes:
        weights: bytes of the weights.
        params: parameters of the whole model, so that the share of a part of it is known.
    """

    weights: ByComponent
    params: ByComponent


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """One request, `batch_size` times at once.

    Attributes:
        image: size of each image in pixels.
        num_images: images of a prompt; 0 for text alone.
        text_tokens: text tokens of a prompt.
        output_tokens: tokens of the answer; the first comes with the prompt.
        batch_size: prompts at once.
        dtype: of weights and activations.
        kv_dtype: of the cache; that of the activations by default.
        quantisation: how the language model's linear weights are kept; None as `dtype` says.
        stored: the weights as a checkpoint stores them, where neither a dtype nor a quantisation
            was asked for; None as those say.
        logits: the positions of the prompt that the head is applied to.
        attention: the backend that bytes and peak activations are counted for.
    """

    image: ImageSize
    num_images: int = 1
    text_tokens: int = 50
    output_tokens: int = 128
    batch_size: int = 1
    dtype: str = "bfloat16"
    kv_dtype: str | None = None
    quantisation: Quantisation | None = None
    stored: StoredBytes | None = None
    logits: Logits = "last"
    attention: Attention = "flash"

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: one is out of bounds, or the prompt is empty.
        """
        for name, number, least, most in (
            ("images", self.num_images, 0, MAX_BATCH_SIZE),
            ("text tokens", self.text_tokens, 0, MAX_OUTPUT_TOKENS),
            ("output tokens", self.output_tokens, 1, MAX_OUTPUT_TOKENS),
            ("prompts in a batch", self.batch_size, 1, MAX_BATCH_SIZE),
        ):
            if type(number) is not int or not least <= number <= most:
                raise InputError(expected=f"{least:,} to {most:,} {name}", got=repr(number)[:60])
        if not self.num_images and not self.text_tokens:
            raise InputError(expected="an image or a token of text in a prompt", got="neither")

    @property
    def kept_as_stored(self) -> StoredBytes | None:
        """The weights as a checkpoint stores them, unless they are quantised anew."""
        return None if self.quantisation else self.stored

    @property
    def request(self) -> Request:
        """What of it decides on tokens."""
        return Request(
            num_images=self.num_images,
            text_tokens=self.text_tokens,
            reserve_tokens=self.output_tokens,
        )

    @property
    def dtype_bytes(self) -> int:
        """Bytes of one weight or activation."""
        return DTYPE_BYTES[self.dtype]

    @property
    def kv_dtype_bytes(self) -> int:
        """Bytes of one value of the cache."""
        return KV_DTYPE_BYTES[self.kv_dtype or self.dtype]

    @property
    def images(self) -> str:
        """The images of a prompt in words."""
        several = f"{self.num_images} x {self.image}" if self.num_images else "no image"
        return str(self.image) if self.num_images == 1 else several

    def words(self, components: Container[str], *, answers: bool = True) -> str:
        """Return what is asked of these components, in words."""
        parts = []
        if "vision" in components:
            parts.append(self.images)
        if "language" in components:
            parts.append(f"{self.text_tokens:,} of text")
            parts += [f"{self.output_tokens:,} of answer"] if answers else []
        return ", ".join((*parts, f"batch {self.batch_size:,}"))

    def formats(self, components: Container[str]) -> str:
        """Return the number formats of these components, in words."""
        if "language" not in components:
            return self.dtype
        quantised = f", LLM linears in {self.quantisation.name}" if self.quantisation else ""
        if self.kept_as_stored:
            quantised = ", weights as stored"
        return f"{self.dtype}{quantised}, cache in {self.kv_dtype or self.dtype}"

    @property
    def total_images(self) -> int:
        """Images of the whole batch."""
        return self.batch_size * self.num_images


def parse_kv_dtype(name: str, *, where: str = "") -> str:
    """Return the full name of a dtype that a cache can have.

    Raises:
        InputError: there is no such dtype.
    """
    short = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "fp8": "float8"}
    full = short.get(name, name)
    if full not in KV_DTYPE_BYTES:
        known = [*KV_DTYPE_BYTES, *short]
        hint = near_miss(name, known) or "known: " + ", ".join(known)
        raise InputError(expected="a dtype of the cache", got=f"`{name}`", where=where, hint=hint)
    return full


def parse_attention(name: str, *, where: str = "") -> Attention:
    """Return the name of an attention backend.

    Raises:
        InputError: there is no such backend.
    """
    known = get_args(Attention)
    if name not in known:
        expected = "an attention backend: " + ", ".join(f"`{backend}`" for backend in known)
        raise InputError(
            expected=expected, got=f"`{name}`", where=where, hint=near_miss(name, known)
        )
    return cast("Attention", name)
