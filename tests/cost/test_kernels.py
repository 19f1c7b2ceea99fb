"""RMSNorm on meta: one kernel for CUDA's backends, the CPU's own operators for the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode

from tests.backbones.specs import DECODERS
from vlcalc.cost.flops import count_flops
from vlcalc.cost.kernels import ON_CUDA, fused_rms_norm
from vlcalc.cost.trace import Operator, trace_operators

ROWS, WIDTH = 6, 8
VALUES = ROWS * WIDTH


class Names(TorchDispatchMode):
    """Write down the names of operators that run for real."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if not func.is_view:
            self.found.append(func._schema.name.removeprefix("aten::"))
        return func(*args, **(kwargs or {}))


class Normalise(nn.Module):
    """RMSNorm of what a function makes of the input."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.norm = function, nn.RMSNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.function(x))
        return normed


def operators(module: nn.Module, *shape: int, **options: Any) -> tuple[Operator, ...]:
    return trace_operators(module, (torch.empty(shape or (2, 3, WIDTH)),), **options).operators


@pytest.mark.parametrize("attention", sorted(ON_CUDA))
@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 4), (torch.bfloat16, 2)])
def test_on_cuda_it_is_one_operator(attention: str, dtype: torch.dtype, size: int) -> None:
    (norm,) = operators(nn.RMSNorm(WIDTH), attention=attention, dtype=dtype)
    assert (norm.name, norm.kind, norm.flops) == ("_fused_rms_norm", "normalisation", 0)
    assert norm.read_bytes == size * (VALUES + WIDTH)
    assert norm.weight_bytes == size * WIDTH
    assert norm.written_bytes == size * VALUES + 4 * ROWS  # 1 / deviation of each row, float32
    assert norm.elements == VALUES


def test_on_cuda_what_lives_is_the_output_and_a_number_a_row() -> None:
    memory = trace_operators(nn.RMSNorm(WIDTH), (torch.empty(2, 3, WIDTH),)).memory
    assert memory.peak_activation_bytes == 4 * (VALUES + ROWS)


def test_without_weights_only_the_input_is_read() -> None:
    (norm,) = operators(nn.RMSNorm(WIDTH, elementwise_affine=False))
    assert (norm.read_bytes, norm.weight_bytes) == (4 * VALUES, 0)


@pytest.mark.parametrize("attention", ["cpu", "math"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_elsewhere_it_is_what_the_cpu_runs(attention: str, dtype: torch.dtype) -> None:
    module, x = nn.RMSNorm(WIDTH, dtype=dtype), torch.randn(2, 3, WIDTH, dtype=dtype)
    with torch.no_grad(), Names() as ran:
        module(x)
    found = [each.name for each in operators(module, attention=attention, dtype=dtype)]
    assert found == ran.found
    assert "rsqrt" in found


def test_rows_apart_are_copied_first() -> None:
    heads = Normalise(lambda x: x.unflatten(-1, (2, WIDTH)).transpose(1, 2))
    copy, norm = operators(heads, 2, 3, 2 * WIDTH)
    assert (copy.kind, copy.written_bytes) == ("copy", 4 * 2 * VALUES)
    assert norm.read_bytes == 4 * (2 * VALUES + WIDTH)


@pytest.mark.filterwarnings("ignore:Mismatch dtype")
def test_what_torch_takes_apart_on_cuda_too_stays_apart() -> None:
    wide_weight = Normalise(lambda x: x.to(torch.bfloat16))
    assert "rsqrt" in {each.name for each in operators(wide_weight)}
    image = Normalise(lambda x: x.contiguous(memory_format=torch.channels_last))
    assert "rsqrt" in {each.name for each in operators(image, 2, 4, 4, WIDTH)}


def test_flops_are_the_same() -> None:
    decoder = DECODERS["llama-2-7b"]
    module, x = decoder.build_layer(), torch.empty(1, 24, decoder.width, device="meta")
    flops = {trace_operators(module, (x,), attention=name).flops for name in ("flash", "cpu")}
    assert flops == {decoder.layer_flops(24, 24, 1)} == {count_flops(module, (x,)).total}


def test_afterwards_it_is_as_before() -> None:
    x, weight = torch.randn(ROWS, WIDTH), torch.randn(WIDTH)
    before = F.rms_norm(x, (WIDTH,), weight)
    with fused_rms_norm():
        assert F.rms_norm(x.to("meta"), (WIDTH,)).shape == x.shape
    assert torch.equal(F.rms_norm(x, (WIDTH,), weight), before)
