"""FLOPs: closed form == 2 x fvcore with our handles == torch's counter; fvcore alone is wrong."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.core.errors import InputError
from vlcalc.cost.flops import count_flops, count_flops_with_torch

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", r"`?torch\.jit\.", DeprecationWarning)
    from fvcore.nn import FlopCountAnalysis


class Run(nn.Module):
    """A function of some tensors as a module, with the layers that it uses."""

    def __init__(self, function: Callable[..., Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.layers = nn.ModuleList(layers)

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.function(*self.layers, *inputs)
        return out


def empty(*shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    return tuple(torch.empty(shape, device="meta") for shape in shapes)


def attend(*, is_causal: bool = False, enable_gqa: bool = False) -> Callable[..., Tensor]:
    return partial(F.scaled_dot_product_attention, is_causal=is_causal, enable_gqa=enable_gqa)


def call(layer: nn.Module, *inputs: Tensor) -> Tensor:
    out = layer(*inputs)
    first: Tensor = out[0] if isinstance(out, tuple) else out
    return first


def einsum(equation: str) -> Callable[..., Tensor]:
    return lambda *operands: torch.einsum(equation, *operands)


# name: (module, shapes of its inputs, FLOPs by hand)
CASES: dict[str, tuple[nn.Module, tuple[tuple[int, ...], ...], int]] = {
    "linear": (Run(call, nn.Linear(8, 6)), ((2, 5, 8),), 2 * 2 * 5 * 8 * 6),
    "linear of a vector": (Run(call, nn.Linear(8, 6)), ((8,),), 2 * 8 * 6),
    "matrix @ matrix": (Run(torch.matmul), ((3, 4), (4, 5)), 2 * 3 * 4 * 5),
    "matrix @ vector": (Run(torch.matmul), ((3, 4), (4,)), 2 * 3 * 4),
    "vector @ matrix": (Run(torch.matmul), ((4,), (4, 5)), 2 * 4 * 5),
    "vector @ vector": (Run(torch.matmul), ((4,), (4,)), 2 * 4),
    "batch @ vector": (Run(torch.matmul), ((2, 3, 4), (4,)), 2 * 2 * 3 * 4),
    "only the second has the batch": (
        Run(torch.matmul), ((3, 4), (2, 4, 5)), 2 * 2 * 3 * 4 * 5),
    "both batches broadcast": (
        Run(torch.matmul), ((7, 1, 3, 4), (1, 2, 4, 5)), 2 * 14 * 3 * 4 * 5),
    "addmm": (Run(torch.addmm), ((3, 5), (3, 4), (4, 5)), 2 * 3 * 4 * 5),
    "addmv": (Run(torch.addmv), ((3,), (3, 4), (4,)), 2 * 3 * 4),
    "baddbmm": (Run(torch.baddbmm), ((2, 3, 5), (2, 3, 4), (2, 4, 5)), 2 * 2 * 3 * 4 * 5),
    "addbmm": (Run(torch.addbmm), ((3, 5), (2, 3, 4), (2, 4, 5)), 2 * 2 * 3 * 4 * 5),
    "inner": (Run(torch.inner), ((3, 4), (2, 4)), 2 * 3 * 4 * 2),
    "tensordot": (
        Run(lambda a, b: torch.tensordot(a, b, dims=([1, 2], [0, 1]))),
        ((3, 4, 5), (4, 5, 6)), 2 * 3 * 20 * 6),
    "outer is no contraction": (Run(torch.outer), ((3,), (4,)), 0),
    "attention": (
        Run(attend()), ((2, 4, 5, 8), (2, 4, 7, 8), (2, 4, 7, 8)), 4 * 2 * 4 * 5 * 7 * 8),
    "causal attention, in full": (
        Run(attend(is_causal=True)),
        ((2, 4, 7, 8), (2, 4, 7, 8), (2, 4, 7, 8)), 4 * 2 * 4 * 7 * 7 * 8),
    "grouped queries": (
        Run(attend(enable_gqa=True)),
        ((2, 4, 5, 8), (2, 2, 7, 8), (2, 2, 7, 8)), 4 * 2 * 4 * 5 * 7 * 8),
    "values of another width": (
        Run(attend()), ((2, 4, 5, 8), (2, 4, 7, 8), (2, 4, 7, 6)), 2 * 2 * 4 * 5 * 7 * (8 + 6)),
    "self-attention of nn.MultiheadAttention": (
        Run(lambda mha, x: mha(x, x, x, need_weights=False)[0],
            nn.MultiheadAttention(8, 2, batch_first=True)),
        ((3, 9, 8),), 2 * 3 * (9 * 8 * 8 * 4 + 2 * 9 * 9 * 8)),
    "cross-attention of nn.MultiheadAttention": (
        Run(lambda mha, x, y: mha(x, y, y)[0],
            nn.MultiheadAttention(8, 2, kdim=6, vdim=6, batch_first=True)),
        ((3, 9, 8), (3, 7, 6)), 2 * 3 * (9 * 8 * 8 * 2 + 7 * 6 * 8 * 2 + 2 * 9 * 7 * 8)),
    "conv1d": (
        Run(call, nn.Conv1d(6, 4, 3, stride=2, groups=2)), ((2, 6, 9),), 2 * 2 * 4 * 4 * 3 * 3),
    "conv2d": (Run(call, nn.Conv2d(6, 4, 3)), ((2, 6, 9, 8),), 2 * 2 * 7 * 6 * 4 * 6 * 9),
    "conv2d without batch": (
        Run(call, nn.Conv2d(6, 4, 3, padding=1)), ((6, 9, 8),), 2 * 9 * 8 * 4 * 6 * 9),
    "conv2d padded to the same": (
        Run(call, nn.Conv2d(6, 4, 3, padding="same")), ((2, 6, 9, 8),), 2 * 2 * 72 * 4 * 6 * 9),
    "depthwise conv2d": (
        Run(call, nn.Conv2d(6, 6, 3, groups=6)), ((2, 6, 9, 8),), 2 * 2 * 7 * 6 * 6 * 9),
    "transposed conv2d": (
        Run(call, nn.ConvTranspose2d(6, 4, 3, stride=2)),
        ((2, 6, 9, 8),), 2 * 2 * 9 * 8 * 6 * 4 * 9),
    "conv3d": (
        Run(call, nn.Conv3d(6, 4, 3)), ((2, 6, 9, 8, 7),), 2 * 2 * 7 * 6 * 5 * 4 * 6 * 27),
    "bilinear, first one side": (
        Run(call, nn.Bilinear(3, 4, 5)), ((2, 7, 3), (2, 7, 4)), 2 * 14 * 5 * 4 * (3 + 1)),
    "einsum of heads": (
        Run(einsum("bhqd,bhkd->bhqk")), ((2, 3, 4, 5), (2, 3, 6, 5)), 2 * 2 * 3 * 4 * 6 * 5),
    "einsum under dots": (
        Run(einsum("...ij,...jk->...ik")), ((3, 4), (2, 4, 5)), 2 * 2 * 3 * 4 * 5),
    "einsum without output": (Run(einsum("ij,jk")), ((3, 4), (4, 5)), 2 * 3 * 4 * 5),
    "einsum that sums first": (Run(einsum("abc,cd->bd")), ((2, 3, 4), (4, 5)), 2 * 3 * 4 * 5),
    "einsum of three, left to right": (
        Run(einsum("bij,jk,b->ik")), ((2, 3, 4), (4, 5), (2,)), 2 * (2 * 3 * 5 * 4 + 3 * 5 * 2)),
    "einsum of four": (
        Run(einsum("ab,bc,cd,de")), ((2, 3), (3, 4), (4, 5), (5, 6)),
        2 * (2 * 3 * 4 + 2 * 4 * 5 + 2 * 5 * 6)),
    "einsum that only multiplies": (Run(einsum("ab,ab->ab")), ((1, 3), (2, 3)), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_closed_form_fvcore_and_torch_agree(name: str) -> None:
    module, shapes, flops = CASES[name]
    count = count_flops(module, empty(*shapes)).require_complete()
    assert count.total == flops
    assert count_flops_with_torch(module, empty(*shapes))[""] == flops


def test_a_module_of_another_device_is_left_as_it_is() -> None:
    module = nn.Linear(8, 6).train()
    assert count_flops(module, (torch.randn(5, 8),)).total == 2 * 5 * 8 * 6
    assert module.weight.device.type == "cpu"
    assert module.training
    assert module.weight.requires_grad
    assert not module._forward_hooks


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("fvcore.nn.jit_analysis"), "disabled", True)


@pytest.mark.usefixtures("quiet")
def test_fvcore_as_shipped_counts_attention_as_nothing() -> None:
    module, shapes, flops = CASES["attention"]
    shipped = FlopCountAnalysis(module, empty(*shapes))
    assert shipped.total() == 0
    assert shipped.unsupported_ops() == {"aten::scaled_dot_product_attention": 1}
    assert count_flops(module, empty(*shapes)).total == flops


@pytest.mark.usefixtures("quiet")
def test_fvcore_as_shipped_loses_a_batch_and_cannot_take_vectors_or_convolutions() -> None:
    module, shapes, flops = CASES["only the second has the batch"]
    assert 2 * FlopCountAnalysis(module, empty(*shapes)).total() == flops // 2
    module, shapes, _ = CASES["matrix @ vector"]
    with pytest.raises(IndexError):
        FlopCountAnalysis(module, empty(*shapes)).total()
    module, shapes, _ = CASES["conv2d"]
    with pytest.raises(TypeError, match="must be a bool"):
        FlopCountAnalysis(module, empty(*shapes)).total()


@pytest.mark.usefixtures("quiet")
def test_fvcore_as_shipped_adds_normalisation_to_the_products() -> None:
    module = nn.Sequential(nn.Linear(8, 6), nn.LayerNorm(6)).to("meta")
    assert FlopCountAnalysis(module, empty((5, 8))).total() == 5 * 8 * 6 + 5 * 5 * 6
    count = count_flops(module, empty((5, 8)))
    assert count.total == 2 * 5 * 8 * 6
    assert count.elements["1"] == {"layer_norm": 5 * 6}
    assert count.total_elements == 5 * 6


def test_an_operator_without_formula_is_reported() -> None:
    module = Run(torch.cdist)
    count = count_flops(module, empty((3, 4), (5, 4)))
    assert count.unsupported == {"aten::cdist": 1}
    with pytest.raises(
        InputError, match=r"expected operators whose cost is known, got `aten::cdis"
    ):
        count.require_complete()


def test_a_recurrent_layer_is_reported() -> None:
    count = count_flops(Run(call, nn.LSTM(4, 5, batch_first=True)), empty((2, 3, 4)))
    assert count.unsupported == {"aten::lstm": 1}


class Branches(nn.Module):
    """One branch that is used, one whose result is thrown away, one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.lost, self.never = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.idle = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        self.lost(x)
        out: Tensor = self.idle(self.used(x))
        return out


def test_submodules_that_were_not_counted_are_reported() -> None:
    count = count_flops(Branches(), empty((2, 4)))
    assert count.uncalled == ("lost", "never")
    with pytest.raises(InputError, match="never called: `lost`, `never`"):
        count.require_complete()


def test_a_layer_called_twice_counts_twice() -> None:
    layer = nn.Linear(4, 4)
    count = count_flops(nn.Sequential(layer, nn.ReLU(), layer), empty((2, 4)))
    assert count.total == 2 * 2 * 2 * 4 * 4


def test_convolutions_are_as_before_afterwards() -> None:
    module, shapes, _ = CASES["conv2d"]
    expected = module(*(torch.ones(shape) for shape in shapes))
    count_flops(module, empty(*shapes))
    assert torch.equal(module(*(torch.ones(shape) for shape in shapes)), expected)
    assert module.to("meta")(*empty(*shapes)).shape == expected.shape
    module.to_empty(device="cpu")
