"""Random weights and inputs: shapes, dtypes, ties, spread, and what is left as it is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vlcalc.measurement import weights
from vlcalc.measurement.weights import input_sets, normal_like, num_input_sets, placed_module


class Tied(nn.Module):
    """An embedding that is also the head, and a buffer of each sort."""

    scale: Tensor
    order: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("scale", torch.ones(8))
        self.register_buffer("order", torch.arange(8))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.embedding(x))
        return out


def build(device: str) -> nn.Module:
    with torch.device(device):
        return Tied()


def test_ties_stay_and_indices_keep_their_values() -> None:
    module = placed_module(build, "cpu", torch.bfloat16)
    assert isinstance(module, Tied)
    assert module.head.weight is module.embedding.weight
    assert {each.dtype for each in module.parameters()} == {torch.bfloat16}
    assert module.scale.dtype is torch.bfloat16
    assert torch.equal(module.order, torch.arange(8))
    assert not module.training
    assert not any(each.requires_grad for each in module.parameters())
    assert module(torch.arange(3)).isfinite().all()


def test_no_weight_is_drawn_twice_on_meta_and_device() -> None:
    devices: list[str] = []

    def noted(device: str) -> nn.Module:
        devices.append(device)
        with torch.device(device):
            return nn.Linear(4, 4)

    assert next(placed_module(noted, "cpu", torch.float32).parameters()).device.type == "cpu"
    assert devices == ["meta"]


def test_values_are_normal_and_repeat_only_after_a_prime(monkeypatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(weights, "POOL_SIZE", 10_007)
    filled = normal_like(torch.empty(100, 350, device="meta"), "cpu", torch.float32, std=0.5)
    assert filled.shape == (100, 350)
    assert filled.mean().abs() < 0.02
    assert filled.std() == pytest.approx(0.5, rel=0.05)
    flat = filled.flatten()
    assert torch.equal(flat[:10_007], flat[10_007:20_014])
    assert torch.equal(flat[: 35_000 - 30_021], flat[30_021:])
    assert not torch.equal(filled[0], filled[1])


def test_input_sets_differ_in_numbers_and_not_in_ids() -> None:
    def inputs(device: str) -> tuple[Tensor, ...]:
        return torch.zeros(2, 5, device=device), torch.full((3,), 7, device=device)

    sets = list(input_sets(inputs, "cpu", torch.bfloat16))
    assert len(sets) == weights.MAX_SETS
    (x, ids), (y, other_ids), *_ = sets
    assert x.dtype is torch.bfloat16
    assert not torch.equal(x, y)
    assert torch.equal(ids, torch.full((3,), 7))
    assert torch.equal(other_ids, ids)
    assert ids.data_ptr() != other_ids.data_ptr()


@pytest.mark.parametrize(("mebibytes", "sets"), [(1, 16), (8, 8), (20, 4), (100, 2)])
def test_no_cache_holds_all_input_sets(mebibytes: int, sets: int) -> None:
    assert num_input_sets((torch.empty(mebibytes * 2**18, device="meta"),)) == sets
