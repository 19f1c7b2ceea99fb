"""The closed forms against our own tracer, which also reports what it could not count."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.backbones.mixtures import MIXTURES, random_mixture
from tests.backbones.test_encoder_decoder import random_shape as random_encoder_decoder
from tests.backbones.test_text_encoder import BERT, BLIP, CLIP, SIGLIP
from tests.backbones.test_text_encoder import random_shape as random_text_encoder
from vlcalc.cost.flops import count_flops

IDS = torch.zeros(2, 7, dtype=torch.long, device="meta")


def traced(module: nn.Module, *inputs: torch.Tensor) -> int:
    return count_flops(module, inputs).require_complete().total


@pytest.mark.parametrize("family", MIXTURES)
@pytest.mark.parametrize("seed", range(3))
def test_experts_and_latent_attention(family: str, seed: int) -> None:
    decoder = random_mixture(MIXTURES[family], seed)
    assert traced(decoder.build(), IDS) == decoder.prefill_flops(7, 2, "all")


@pytest.mark.parametrize("feed_forward", ["relu", "gated-gelu"])
def test_encoder_decoder(feed_forward: str) -> None:
    shape = random_encoder_decoder(1, feed_forward)
    assert traced(shape.build(), IDS, IDS[:, :3]) == shape.prefill_flops(7, 3, 2, "all")


@pytest.mark.parametrize("kind", [BERT, BLIP, CLIP, SIGLIP])
def test_text_encoder(kind: dict[str, Any]) -> None:
    shape = random_text_encoder(kind, 1)
    assert traced(shape.build(), IDS) == shape.num_flops(7, 2)
