"""Small cases that tests share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.runs.examples import conditions
from vlcalc.measurement.targets import Case


def linear_case(
    target: str = "linear", *, width: int = 32, fail: Callable[[], object] | None = None
) -> Case:
    """Return a case of one linear layer, which does something else when it runs for real."""

    class Layer(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            if fail and x.device.type != "meta":
                fail()
            return super().forward(x)

    def build(device: str) -> nn.Module:
        with torch.device(device):
            return Layer(width, width)

    return Case(
        target=target,
        kind="method",
        conditions=conditions(batch_size=2),
        build_module=build,
        build_inputs=lambda device: (torch.randn(2, 16, width, device=device),),
    )
