"""Folders as the Hub ships them, written by the real classes, and what those classes say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from tests.oracle.real import Real

COMPONENTS = ("vision", "fusion", "language", "other")
# First part of a parameter's name that decides -> component; the language model's is the rest.
Rules = dict[str, str]
LLAVA = {"model.vision_tower": "vision", "model.multi_modal_projector": "fusion"}


@dataclass(frozen=True)
class Case:
    """A random checkpoint.

    Attributes:
        config: the configuration, of a real class.
        model: name of the real model class.
        rules: what belongs to which component; the first that matches counts.
        real: the real processor; None where it needs what is not installed.
        text: the configuration of the decoder whose cache is compared.
    """

    config: Any
    model: str
    rules: Rules
    real: Real | None = None
    text: Any = None

    @property
    def real_loads(self) -> bool:
        """Whether the real processor is there, and all that it needs is installed."""
        return self.real is not None and all(find_spec(name) for name in self.real.needs)

    def save(self, folder: Path, *, split: bool) -> None:
        """Write the folder, the image processor in a file of its own or in the processor's."""
        self.config.save_pretrained(folder)
        if self.real is None:
            return
        if not self.real_loads:
            said = {**self.real.images, "image_processor_type": self.real.image_processor}
            (folder / "preprocessor_config.json").write_text(json.dumps(said))
            options = {key: value for key, value in self.real.options.items() if value is not None}
            (folder / "processor_config.json").write_text(json.dumps(options))
            return
        processor = self.real.built
        processor.tokenizer.save_pretrained(folder)
        said = json.loads(processor.to_json_string())  # `save_pretrained` wants the video part too
        images = json.loads(processor.image_processor.to_json_string())
        said.pop("image_processor", None)
        if split:
            (folder / "preprocessor_config.json").write_text(json.dumps(images))
        else:
            said["image_processor"] = images
        (folder / "processor_config.json").write_text(json.dumps(said))

    def params(self) -> dict[str, int]:
        """Return the parameters of the real class by component; tied ones once."""
        import torch
        import transformers

        with torch.device("meta"):
            model = getattr(transformers, self.model)(self.config)
        model.tie_weights()
        counts = dict.fromkeys(COMPONENTS, 0)
        for name, parameter in model.named_parameters():
            counts[self.component(name)] += parameter.numel()
        return {"total": sum(counts.values()), **counts}

    def component(self, name: str) -> str:
        """Return the component of a parameter."""
        return next((part for start, part in self.rules.items() if start in name), "language")

    def cache_bytes(self, length: int) -> int:
        """Return what the real cache holds after a prompt, in bfloat16."""
        import torch
        from transformers import DynamicCache

        text = self.text
        head_dim = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
        cache = DynamicCache(config=text)
        for layer in range(text.num_hidden_layers):
            keys = torch.empty(1, heads, length, head_dim, device="meta")
            cache.update(keys, torch.empty_like(keys), layer)
        return sum(2 * (layer.keys.numel() + layer.values.numel()) for layer in cache.layers)


CASES: dict[str, Callable[[Random], Case]] = {}


def case(model_type: str) -> Callable[[Callable[[Random], Case]], Callable[[Random], Case]]:
    """Return a decorator that files the maker of a type's random checkpoints."""

    def add(make: Callable[[Random], Case]) -> Callable[[Random], Case]:
        CASES[model_type] = make
        return make

    return add


def text_config(random: Random, kind: str, **over: Any) -> Any:
    """Return a small decoder's configuration of a real class."""
    import transformers

    kv_heads, head_dim = random.choice((1, 2, 3)), random.choice((8, 16, 24))
    heads = kv_heads * random.choice((1, 2, 3))
    keys: dict[str, Any] = {
        "hidden_size": heads * head_dim,
        "num_hidden_layers": random.randrange(2, 6),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": 8 * random.randrange(4, 40),
        "vocab_size": random.randrange(300, 900),
        "max_position_embeddings": 8192,
        "tie_word_embeddings": random.random() < 0.5,
        "pad_token_id": 0,
    }
    if kind in ("llama", "granite", "cohere2", "qwen3", "gemma3_text"):
        keys["attention_bias"] = random.random() < 0.5
    if kind in ("llama", "granite"):
        keys["mlp_bias"] = random.random() < 0.5
    if kind in ("mistral", "gemma2", "gemma3_text", "cohere2"):
        keys["sliding_window"] = random.choice((16, 64, 512))
    if kind in ("gemma", "gemma2", "gemma3_text", "qwen3"):
        keys["head_dim"] = random.choice((8, 16, 32))
    if kind in ("gemma", "gemma2", "gemma3_text", "cohere2"):
        keys["tie_word_embeddings"] = True
    if kind == "mixtral":
        keys |= {"num_local_experts": random.randrange(3, 7), "sliding_window": None}
    if kind == "qwen3_moe":
        keys |= {
            "num_experts": random.randrange(3, 7),
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 8 * random.randrange(2, 10),
            "decoder_sparse_step": random.choice((1, 2)),
        }
    return transformers.AutoConfig.for_model(kind, **(keys | over))


def vision_dims(random: Random) -> dict[str, Any]:
    """Return the sizes of a small vision transformer."""
    heads = random.choice((1, 2, 3))
    return {
        "hidden_size": heads * random.choice((8, 16, 24)),
        "num_hidden_layers": random.randrange(2, 5),
        "num_attention_heads": heads,
        "intermediate_size": 8 * random.randrange(4, 40),
    }
