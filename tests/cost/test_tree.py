"""Parameters and the tree: parts sum to the whole, ties count once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.modules.helpers import built
from vlcalc.cost.flops import count_flops
from vlcalc.cost.meta import output_shapes, to_meta
from vlcalc.cost.params import count_params, params_by_module
from vlcalc.cost.tree import cost_tree


class Tied(nn.Module):
    """An embedding whose matrix is the output layer's too, and products of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(10, 8)
        self.norm = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 10, bias=False)
        self.head.weight = self.words.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.norm(self.words(ids))  # (s, 8)
        out: Tensor = self.head((x @ x.T) @ x)
        return out


def test_tied_tensors_count_once_and_buffers_never() -> None:
    module = Tied()
    assert count_params(module) == 10 * 8 + 2 * 8
    assert params_by_module(module) == {"": 96, "words": 80, "norm": 16, "head": 80}
    assert count_params(to_meta(module)) == 96


def test_the_tree_names_what_a_module_contracts_itself() -> None:
    ids = torch.zeros(5, dtype=torch.long)
    count = count_flops(Tied(), (ids,)).require_complete()
    nodes = list(cost_tree(Tied(), count, output_shapes(Tied(), (ids,)), depth=1))
    assert [(node.path, node.type, node.flops) for node in nodes] == [
        ("", "Tied", 2 * (5 * 5 * 8 * 2 + 5 * 8 * 10)),
        ("matmul", "operator", 2 * 5 * 5 * 8 * 2),
        ("words", "Embedding", 0),
        ("norm", "BatchNorm1d", 0),
        ("head", "Linear", 2 * 5 * 8 * 10),
    ]
    assert nodes[0].shape == (5, 10)


def test_children_and_operators_sum_to_their_parent() -> None:
    module = built("perceiver", vision_width=16, depth=3, num_latents=4, num_heads=2, head_dim=8)
    count = count_flops(module, (torch.empty(2, 9, 16, device="meta"),)).require_complete()
    nodes = {node.path: node for node in cost_tree(module, count, {}, depth=9)}
    num_parents = 0
    for path, node in nodes.items():
        below = [
            other.flops
            for name, other in nodes.items()
            if name and name.rpartition(".")[0] == path and name != path
        ]
        if below:
            assert sum(number or 0 for number in below) == node.flops, path
            num_parents += 1
    assert num_parents > 10


def test_an_uncalled_submodule_has_no_figure() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.never = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.used(x)
            return out

    count = count_flops(Half(), (torch.empty(1, 4),))
    flops = {node.path: node.flops for node in cost_tree(Half(), count, {}, depth=1)}
    assert flops == {"": 32, "used": 32, "never": None}
