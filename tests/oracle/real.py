"""The real processors of transformers, built from arguments and asked what an image becomes.

Nothing is downloaded: the image processor and the processor are the real classes with the values of
the checkpoint, the tokenizer is a real one that knows the model's special tokens and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple
from unittest import mock

from vlcalc.core.image_size import ImageSize

UNKNOWN = "[UNK]"
UNCHANGED_PIXELS = {"do_rescale": False, "do_normalize": False}
NO_VIDEO = {"video_processor": None}


class Counted(NamedTuple):
    """What the real processor made of one image."""

    image_tokens: int
    extra_tokens: int
    context_tokens: int = 0
    num_tiles: int | None = None


@dataclass(frozen=True)
class Real:
    """A real processor with a checkpoint's values.

    Attributes:
        processor: class of `transformers`.
        image_processor: class of `transformers`; those on PIL need no torch.
        image_token: token that holds an image's vector after the processor expanded the prompt.
        prompt: text with the placeholder of one image.
        images: arguments of the image processor.
        options: arguments of the processor.
        tokens: special tokens that the processor reads off attributes of the tokenizer.
        specials: further special tokens.
        outside: tokens that belong to the prompt, not to the image.
        call: arguments of the call.
        num_tiles: encoder inputs, read off what the processor returns.
        context_per_tile: context tokens of a tile, where vectors are only cross-attended.
        max_ratio: of the images; a crop after a resize of the short side makes thin ones huge.
        examples: number of images.
        needs: modules without which the classes do not load.
    """

    processor: str
    image_processor: str
    image_token: str = "<image>"
    prompt: str = "<image>"
    images: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)
    specials: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    call: Mapping[str, Any] = field(default_factory=dict)
    num_tiles: Callable[[Mapping[str, Any]], int] | None = None
    context_per_tile: int = 0
    max_ratio: float = 6000
    examples: int = 16
    needs: tuple[str, ...] = ()

    def count(self, image: ImageSize) -> Counted:
        """Run the processor on a blank image of that size and count what came out.

        Raises:
            ValueError, ZeroDivisionError: the processor refuses such an image.
        """
        from PIL import Image

        call = {"return_tensors": None, **self.call}
        outputs = self.built(images=Image.new("RGB", image), text=self.prompt, **call)
        return self.read(outputs)

    def read(self, outputs: Mapping[str, Any]) -> Counted:
        """Count the image's tokens and the known text tokens around them."""
        tokenizer = self.built.tokenizer
        ids = [int(i) for i in outputs["input_ids"][0]]
        image = tokenizer.convert_tokens_to_ids(self.image_token)
        ignored = {tokenizer.convert_tokens_to_ids(t) for t in (UNKNOWN, *self.outside)} | {image}
        tiles = None if self.num_tiles is None else self.num_tiles(outputs)
        return Counted(
            image_tokens=ids.count(image),
            extra_tokens=sum(i not in ignored for i in ids),
            context_tokens=self.context_per_tile * (tiles or 0),
            num_tiles=tiles,
        )

    @cached_property
    def built(self) -> Any:
        """The processor; parts that images do not use (video, audio) are left out."""
        import transformers
        from transformers.processing_utils import ProcessorMixin

        specials = (self.image_token, *self.specials, *self.outside)
        images = getattr(transformers, self.image_processor)(**UNCHANGED_PIXELS, **self.images)
        # The check of types alone refuses the parts that are left out.
        with mock.patch.object(ProcessorMixin, "check_argument_for_proper_class"):
            return getattr(transformers, self.processor)(
                image_processor=images,
                tokenizer=build_tokenizer(self.tokens, specials),
                **self.options,
            )


def build_tokenizer(tokens: Mapping[str, str], specials: tuple[str, ...]) -> Any:
    """Return a tokenizer of special tokens; words between them are unknown."""
    import tokenizers
    import transformers

    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel({UNKNOWN: 0}, unk_token=UNKNOWN))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token=UNKNOWN,
        pad_token=UNKNOWN,
        extra_special_tokens=dict(tokens),
    )
    tokenizer.add_tokens(list(specials), special_tokens=True)
    return tokenizer


def crops(outputs: Mapping[str, Any]) -> int:
    """Encoder inputs stacked along the first axis."""
    return len(outputs["pixel_values"])


def nested(outputs: Mapping[str, Any]) -> int:
    """Encoder inputs of the first image of a batch."""
    return len(outputs["pixel_values"][0])


def centre_crop(side: int) -> dict[str, Any]:
    return {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}


def square(side: int) -> dict[str, Any]:
    return {"size": {"height": side, "width": side}}
