"""What must hold for every fusion method: closed form == module on meta, to the last digit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlcalc.cost.flops import count_flops, count_flops_with_torch
from vlcalc.cost.params import count_params
from vlcalc.fusion.base import Dims, Fusion


def num_params(module: nn.Module) -> int:
    """Return the unique parameters of a module; buffers never."""
    return count_params(module)


def torch_flops(module: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Return what torch's own counter says."""
    return count_flops_with_torch(module, inputs)[""]


def assert_counts(fusion: Fusion, dims: Dims) -> None:
    """Hold the closed forms against the module on meta: by fvcore, and by torch's own counter."""
    module = fusion.build(dims, "meta")
    inputs = fusion.example_inputs(dims, "meta")
    assert num_params(module) == fusion.num_params(dims)
    assert torch_flops(module, inputs) == fusion.num_flops(dims)
    count = count_flops(module, inputs)
    assert not count.unsupported
    assert count.total == fusion.num_flops(dims)


def assert_image_tokens(fusion: Fusion, dims: Dims) -> None:
    """Hold the token rule against the shape of the module's output (inputs, tokens, text width)."""
    module = fusion.build(dims, "meta").eval()
    with torch.no_grad():
        out = module(*fusion.example_inputs(dims, "meta"))
    assert out.shape[-1] == dims.text_width
    assert out.shape[0] * out.shape[1] == dims.batch_size * fusion.num_image_tokens(dims)
