"""What must hold for every fusion method: closed form == module on meta, to the last digit."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vlcalc.fusion.base import Dims, Fusion


def num_params(module: nn.Module) -> int:
    """Return the unique parameters of a module; buffers never."""
    return sum(parameter.numel() for parameter in module.parameters())


def torch_flops(module: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Return what torch's own counter says; parameters frozen, or it trips over learned tokens."""
    module.requires_grad_(requires_grad=False)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        module(*inputs)
    return counter.get_total_flops()


def assert_counts(fusion: Fusion, dims: Dims) -> None:
    """Hold the closed forms against the module on the meta device."""
    module = fusion.build(dims, "meta").eval()
    assert num_params(module) == fusion.num_params(dims)
    inputs = fusion.example_inputs(dims, "meta")
    assert torch_flops(module, inputs) == fusion.num_flops(dims)


def assert_image_tokens(fusion: Fusion, dims: Dims) -> None:
    """Hold the token rule against the shape of the module's output (inputs, tokens, text width)."""
    module = fusion.build(dims, "meta").eval()
    with torch.no_grad():
        out = module(*fusion.example_inputs(dims, "meta"))
    assert out.shape[-1] == dims.text_width
    assert out.shape[0] * out.shape[1] == dims.batch_size * fusion.num_image_tokens(dims)
