"""A mixture of experts in place of a feed-forward: parameters and FLOPs in closed form.

FLOPs count the experts that a token is sent to, the shared ones and the router; how the router's
scores become weights contracts nothing. All experts are gated and without biases.

Source: Mixtral, arXiv:2401.04088, section 2; shared experts from DeepSeekMoE, arXiv:2401.06066;
the shared expert's gate from transformers models/qwen2_moe/modeling_qwen2_moe.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from vlcalc.backbones.language import Linear, feed_forward_linears
from vlcalc.core import bounds
from vlcalc.core.bounds import NonNegativeInt, PositiveInt
from vlcalc.tiling.base import Frozen

if TYPE_CHECKING:
    from vlcalc.modules.experts import MixtureOfExperts


class Experts(Frozen):
    """Routed and shared experts, and the layers that have them.

    Attributes:
        num_experts: routed experts of a layer.
        num_active: routed experts that one token is sent to.
        ffn_width: width of one routed expert.
        shared_width: width of all shared experts together, which every token passes; 0 for none.
        shared_gate: whether a sigmoid of the input scales the shared experts' output.
        score_bias: whether a learned bias of each expert takes part in choosing; many releases
            keep it as a buffer, which is no parameter.
        first_dense: layers at the start that have a plain feed-forward.
        step: of so many layers in a row the last one has experts; 1 where all have.
    """

    num_experts: bounds.Experts
    num_active: PositiveInt
    ffn_width: PositiveInt
    shared_width: NonNegativeInt = 0
    shared_gate: bool = False
    score_bias: bool = False
    first_dense: NonNegativeInt = 0
    step: PositiveInt = 1

    @model_validator(mode="after")
    def _check(self) -> Experts:
        counts: dict[str, Any] = {"active": self.num_active, "all": self.num_experts}
        if self.num_active > self.num_experts:
            message = "expected `num_active` ({active}) of at most `num_experts` ({all})"
            raise PydanticCustomError("num_active", message, counts)
        if self.shared_gate and not self.shared_width:
            raise PydanticCustomError("shared_gate", "expected `shared_width` beside `shared_gate`")
        return self

    def in_layer(self, index: int) -> bool:
        """Return whether the layer of this index, counted from 0, has experts."""
        return index >= self.first_dense and (index + 1) % self.step == 0

    def expert_params(self, width: int) -> int:
        """Return the parameters of one routed expert."""
        return 3 * width * self.ffn_width

    def _common_weights(self, width: int) -> int:
        router = width * self.num_experts
        return router + 3 * width * self.shared_width + self.shared_gate * width

    def num_params(self, width: int, *, active: bool = False) -> int:
        """Return the parameters of a layer's experts and router; `active`: those a token uses."""
        experts = self.num_active if active else self.num_experts
        common = self._common_weights(width) + self.score_bias * self.num_experts
        return common + experts * self.expert_params(width)

    def num_flops(self, width: int, positions: int) -> int:
        """Return the FLOPs of a layer's active experts, shared experts and router."""
        weights = self._common_weights(width) + self.num_active * self.expert_params(width)
        return 2 * positions * weights

    def linears(self, width: int, positions: int | None = None) -> tuple[Linear, ...]:
        """Return the linear weights of a layer, the router's left out.

        Args:
            width: that of the model.
            positions: that pass the layer at once: no more experts are read than these are sent
                to. All experts by default.
        """
        number = self.num_experts
        if positions is not None:
            number = min(number, positions * self.num_active)
        shared = feed_forward_linears(width, self.shared_width, 2) if self.shared_width else ()
        return (*feed_forward_linears(width, self.ffn_width, 2) * number, *shared)

    def build(self, width: int, activation: Any) -> MixtureOfExperts:
        """Return the module, on the device that is current."""
        from vlcalc.modules.experts import MixtureOfExperts

        return MixtureOfExperts(
            width=width,
            num_experts=self.num_experts,
            num_active=self.num_active,
            ffn_width=self.ffn_width,
            shared_width=self.shared_width,
            shared_gate=self.shared_gate,
            score_bias=self.score_bias,
            activation=activation,
        )
