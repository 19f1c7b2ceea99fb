"""A mixture of experts: a router sends each token through a few of many feed-forwards.

Source: Mixtral, arXiv:2401.04088, section 2; shared experts from DeepSeekMoE, arXiv:2401.06066;
the gate of shared experts from transformers models/qwen2_moe/modeling_qwen2_moe.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.primitives import Activation, FeedForward, build_activation


class Router(nn.Module):
    """Choose the experts of each token; the softmaxed scores of the chosen ones add up to 1."""

    def __init__(self, *, width: int, num_experts: int, num_active: int, score_bias: bool) -> None:
        super().__init__()
        self.num_active = num_active
        self.scores = nn.Linear(width, num_experts, bias=False)
        self.score_bias = nn.Parameter(torch.zeros(num_experts)) if score_bias else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.scores(x).softmax(-1)  # (b * s, experts)
        ranked = scores if self.score_bias is None else scores + self.score_bias
        chosen = ranked.topk(self.num_active, dim=-1).indices  # (b * s, active)
        weights = scores.gather(-1, chosen)
        return chosen, weights / weights.sum(-1, keepdim=True)  # (b * s, active), twice


def tokens_per_expert(chosen: Tensor, num_experts: int) -> list[int]:
    """Return how many tokens each expert gets; on meta, where none is known, equal shares.

    Source: equal shares are what the routers are trained for (arXiv:2101.03961, section 2.2).
    """
    if not chosen.is_meta:
        counts: list[int] = torch.bincount(chosen.flatten(), minlength=num_experts).tolist()
        return counts
    share, rest = divmod(int(chosen.numel()), num_experts)  # a tensor while torch.jit traces
    return [share + (expert < rest) for expert in range(num_experts)]


class RoutedExperts(nn.Module):
    """The gated feed-forwards, stacked; each runs on the tokens that were sent to it."""

    def __init__(
        self, *, width: int, num_experts: int, ffn_width: int, activation: Activation
    ) -> None:
        super().__init__()
        self.num_experts = num_experts
        self.gate_up = nn.Parameter(
            torch.empty(num_experts, 2 * ffn_width, width).normal_(std=0.02)
        )
        self.down = nn.Parameter(torch.empty(num_experts, width, ffn_width).normal_(std=0.02))
        self.activation = build_activation(activation)

    def forward(self, x: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        order = chosen.flatten().argsort()  # by expert
        tokens = order // chosen.shape[-1]  # where each of them is from
        sizes = tokens_per_expert(chosen, self.num_experts)
        sent = enumerate(x[tokens].split(sizes))
        outputs = [self._run(expert, part) for expert, part in sent if sizes[expert]]
        mixed = torch.cat(outputs) * weights.flatten()[order, None]  # (b * s * active, t)
        return torch.zeros_like(x).index_add(0, tokens, mixed)  # (b * s, t)

    def _run(self, expert: int, x: Tensor) -> Tensor:
        gate, up = F.linear(x, self.gate_up[expert]).chunk(2, dim=-1)
        return F.linear(self.activation(gate) * up, self.down[expert])


class MixtureOfExperts(nn.Module):
    """Router, routed experts, and shared experts that every token passes."""

    def __init__(
        self,
        *,
        width: int,
        num_experts: int,
        num_active: int,
        ffn_width: int,
        shared_width: int = 0,
        shared_gate: bool = False,
        score_bias: bool = False,
        activation: Activation = "silu",
    ) -> None:
        super().__init__()
        self.router = Router(
            width=width, num_experts=num_experts, num_active=num_active, score_bias=score_bias
        )
        self.routed = RoutedExperts(
            width=width, num_experts=num_experts, ffn_width=ffn_width, activation=activation
        )
        self.shared = None
        if shared_width:
            self.shared = FeedForward(
                width=width,
                hidden_width=shared_width,
                activation=activation,
                bias=False,
                gated=True,
            )
        self.shared_gate = nn.Linear(width, 1, bias=False) if shared_gate else None

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(0, -2)  # (b * s, t)
        mixed = self.routed(tokens, *self.router(tokens))  # (b * s, t)
        if self.shared is not None:
            shared = self.shared(tokens)
            if self.shared_gate is not None:
                shared = shared * self.shared_gate(tokens).sigmoid()
            mixed = mixed + shared
        return mixed.view_as(x)  # (b, s, t)
