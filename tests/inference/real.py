"""The real classes of transformers at full size on meta, and what torch counts of their parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

transformers = pytest.importorskip("transformers")

Keys = dict[str, Any]
COUNTED: dict[str, tuple[int, Any]] = {}


class Parts(NamedTuple):
    """One number for each part of a model: parameters, or FLOPs of a prompt."""

    vision: int
    fusion: int
    language: int


class Real(NamedTuple):
    """What torch counts of a real class.

    Attributes:
        layers: FLOPs of a prompt's layers, those of the fusion method among them.
        all_logits: FLOPs of the head, of every position that it may be applied to.
        last_logits: of the last one.
        step: FLOPs of one token more, its logits not among them.
        cached: keys and values of the sequence when that token is done.
        cross_cached: those of the image or of a source.
        params: unique ones.
    """

    vision: int
    fusion: int
    layers: int
    all_logits: int
    last_logits: int
    step: int
    cached: int
    cross_cached: int
    params: Parts


def on_meta(cls: Any, config: Any) -> Any:
    with torch.device("meta"):
        model = cls(config)
    # torch's counter trips over learned queries that ask for gradients.
    return model.eval().requires_grad_(requires_grad=False)


def counted(call: Callable[[], Any]) -> tuple[int, Any]:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        out = call()
    return int(counter.get_total_flops()), out


def counted_once(part: str, call: Callable[[], Any]) -> tuple[int, Any]:
    """As `counted`, of a part that the text does not change: it is run for the first one alone."""
    if part not in COUNTED:
        COUNTED[part] = counted(call)
    return COUNTED[part]


def empty(*shape: int) -> Tensor:
    return torch.empty(*shape, device="meta")


def num_params(*modules: nn.Module) -> int:
    unique = {id(each): each.numel() for module in modules for each in module.parameters()}
    return sum(unique.values())


def heads_of(cache: Any, layers: list[int] | None = None) -> int:
    """Return the values of all layers of a cache, or of some."""
    kept = [each for at, each in enumerate(cache.layers) if layers is None or at in layers]
    return sum(each.keys.numel() + each.values.numel() for each in kept)


class Generated(NamedTuple):
    """FLOPs of a decoder's prompt and next step, and the cache that it leaves."""

    layers: int
    all_logits: int
    last_logits: int
    step: int
    cache: Any


def generate(decoder: Any, head: nn.Module, length: int, width: int, **further: Any) -> Generated:
    """Run a decoder on a prompt of vectors, and then on one vector more.

    `use_cache` and positions spare it looking into tensors, which on meta have no data.
    """

    def run(new: int, cache: Any) -> Any:
        positions = torch.arange(new, device="meta")[None]
        given = {key: value(new) for key, value in further.items()}
        options = {"position_ids": positions, **given, "use_cache": True, "past_key_values": cache}
        return decoder(inputs_embeds=empty(1, new, width), **options)

    layers, prompt = counted(lambda: run(length, None))
    all_logits, _ = counted(lambda: head(prompt.last_hidden_state))
    last_logits, _ = counted(lambda: head(prompt.last_hidden_state[:, -1:]))
    step, after = counted(lambda: run(1, prompt.past_key_values))
    return Generated(layers, all_logits, last_logits, step, after.past_key_values)
