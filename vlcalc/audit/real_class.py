"""A checkpoint's own classes of transformers: the model on meta, its processor, what both say.

Nothing is downloaded but configuration files, and no remote code is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from vlcalc.audit.real_components import real_component_of, real_components
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize

if TYPE_CHECKING:
    from torch import nn


class LanguageCounts(NamedTuple):
    """What torch counts of a real language model: FLOPs, the head apart, and bytes of its cache."""

    prefill_flops: int
    decode_flops: int
    head_flops: int
    cache_bytes: int


@dataclass(frozen=True)
class RealModel:
    """The real class of a checkpoint on the meta device.

    Attributes:
        config: its configuration.
        module: the class itself, without data.
    """

    config: Any
    module: nn.Module

    def params(self) -> dict[str, int]:
        """Return its parameters by component."""
        return real_components(self.module, self.config.model_type)

    def image_flops(self, num_views: int, side: int) -> tuple[int, int]:
        """Return the FLOPs of the encoder and of what follows it, on squares of `side` pixels."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        pixels = torch.empty(num_views, 3, side, side, device="meta")
        model: Any = self.module
        starts: list[int] = []
        fusion = 0

        def begin(*_call: object) -> None:
            starts.append(counter.get_total_flops())

        def end(*_call: object) -> None:
            nonlocal fusion
            spent = counter.get_total_flops() - starts.pop()
            fusion += 0 if starts else spent  # what lies in another module is counted with it

        for name, module in model.named_modules():
            if real_component_of(f"{name}.", self.config.model_type) == "fusion":
                module.register_forward_pre_hook(begin)
                module.register_forward_hook(end)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            if self.config.model_type.startswith(("llava_next", "llava_onevision")):
                sizes = torch.tensor([[side, side]])
                model.get_image_features(pixels[None], image_sizes=sizes)
            else:
                model.get_image_features(pixels)
        return int(counter.get_total_flops()) - fusion, fusion

    def language(self, length: int) -> LanguageCounts:
        """Run its decoder on a prompt of vectors and then on one more, in bfloat16's cache."""
        import torch

        decoder: Any = self.module.get_decoder()  # type: ignore[operator]
        head: Any = self.module.get_output_embeddings()  # type: ignore[operator]
        text = self.config.get_text_config()
        rows = 3 if _is_multi_axis(text) else 0

        def run(new: int, cache: Any) -> Any:
            positions = torch.arange(new, device="meta")[None]
            if rows:
                positions = torch.zeros(rows, 1, new, dtype=torch.long, device="meta")
            vectors = torch.empty(1, new, text.hidden_size, device="meta")
            return decoder(
                inputs_embeds=vectors,
                position_ids=positions,
                use_cache=True,
                past_key_values=cache,
            )

        prefill, prompt = _flops(lambda: run(length, None))
        cached = _cached_values(prompt.past_key_values)
        logits, _ = _flops(lambda: head(prompt.last_hidden_state[:, -1:]))
        decode, _ = _flops(lambda: run(1, prompt.past_key_values))
        return LanguageCounts(prefill, decode, logits, 2 * cached)


def _is_multi_axis(text: Any) -> bool:
    """Tell whether positions have an axis for time, height and width each."""
    rope = getattr(text, "rope_parameters", None) or {}
    return "mrope_section" in rope


def _flops(call: Any) -> tuple[int, Any]:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        outputs = call()
    return int(counter.get_total_flops()), outputs


def _cached_values(cache: Any) -> int:
    return sum(
        layer.keys.numel() + layer.values.numel()
        for layer in cache.layers
        if layer.keys is not None
    )


def load_real_model(source: str) -> RealModel:
    """Return the real class of a folder or of an id on the Hub.

    Raises:
        InputError: its configuration cannot be read, or transformers has no class for it.
    """
    import torch
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
        name = next(iter(config.architectures or ()), "")
        mapping = transformers.AutoModelForImageTextToText._model_mapping  # noqa: SLF001
        cls = getattr(transformers, name, None) or mapping[type(config)]
        with torch.device("meta"):
            module = cls(config)
    except Exception as error:
        raise InputError(
            expected="a class of transformers", got=first_line(error), where=source
        ) from None
    module.tie_weights()
    return RealModel(config, module.float().eval().requires_grad_(requires_grad=False))


def first_line(error: Exception) -> str:
    """Return what an error of other people's code says, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 100 else f"{text[:97]}..."


@dataclass(frozen=True)
class RealProcessor:
    """The real processor of a checkpoint."""

    processor: Any

    def count(self, image: ImageSize) -> int:
        """Run it on a blank image and return the image tokens in the prompt.

        Raises:
            ValueError, ZeroDivisionError: it refuses such an image.
        """
        from PIL import Image

        processor = self.processor
        placeholder = getattr(processor, "boi_token", None) or processor.image_token
        outputs = processor(
            images=Image.new("RGB", image), text=placeholder, add_special_tokens=False
        )
        ids = [int(number) for number in outputs["input_ids"][0]]
        # Where the placeholder is a start token, that of the vectors is the tokenizer's.
        token = getattr(processor.tokenizer, "image_token", None) or processor.image_token
        return ids.count(processor.tokenizer.convert_tokens_to_ids(token))


def load_real_processor(source: str) -> RealProcessor:
    """Return the real processor of a folder or id.

    Raises:
        InputError: it cannot be built here, with what it says about it.
    """
    import transformers

    try:
        processor = transformers.AutoProcessor.from_pretrained(source, trust_remote_code=False)
        known = processor.image_token and processor.tokenizer
    except (Exception, RecursionError) as error:
        raise InputError(
            expected="a processor of transformers", got=first_line(error), where=source
        ) from None
    if not known:
        raise InputError(expected="a processor with an image token", got="none", where=source)
    return RealProcessor(processor)
