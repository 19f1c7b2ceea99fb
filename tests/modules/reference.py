"""Small configurations of the towers that the reference modules of transformers are built from."""

from __future__ import annotations

from typing import Any

import transformers

VISION, TEXT = 32, 48
TOWER: dict[str, Any] = {
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
}


def clip_vision(**options: Any) -> Any:
    return transformers.CLIPVisionConfig(hidden_size=VISION, **TOWER, **options)


def siglip_vision(**options: Any) -> Any:
    return transformers.SiglipVisionConfig(hidden_size=VISION, **TOWER, **options)


def llama_text(**options: Any) -> Any:
    return transformers.LlamaConfig(hidden_size=TEXT, **TOWER, **options)
