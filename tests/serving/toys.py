"""What tests of serving share: small models whose closed forms fit on a line, and toy devices."""

from __future__ import annotations

from typing import Any

from vlcalc.backbones.decoder import Decoder
from vlcalc.core.image_size import ImageSize
from vlcalc.inference.load import Load
from vlcalc.spec.device import DeviceSpec, Efficiency, Interconnect
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ModelSpec

SQUARE = ImageSize(336, 336)
# So fast that it takes no time, and yet finite.
FAST = 1e24


def model(name: str = "llava-1.5-7b") -> ModelSpec:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    return spec


def with_decoder(name: str = "llava-1.5-7b", **changed: Any) -> ModelSpec:
    """Return a model, LLaVA-1.5 by default, on a language model of 4 layers."""
    fields: dict[str, Any] = {
        "depth": 4, "width": 512, "num_heads": 8, "num_kv_heads": 4, "ffn_width": 2048,
        "vocab_size": 1024,
    }  # fmt: skip
    spec = model(name)
    decoder = Decoder(**{**fields, **changed})
    return spec.model_copy(
        update={"language": spec.language.model_copy(update={"decoder": decoder})}
    )


def load(**changed: Any) -> Load:
    return Load(**{"image": SQUARE, **changed})


def device(
    *,
    flops_per_s: float = FAST,
    bandwidth: float | None = FAST,
    operator_s: float = 0.0,
    link: Interconnect | None = None,
    share: float = 1.0,
    memory_bytes: int | None = 10**10,
) -> DeviceSpec:
    """Return a device whose slowest part is what a test asks for."""
    return DeviceSpec(
        name="toy",
        kind="gpu",
        memory_bytes=memory_bytes,
        bandwidth_bytes_per_s=bandwidth,
        flops_per_s={"bfloat16": flops_per_s},
        interconnect=link,
        efficiency=Efficiency(flops=share, bandwidth=share, operator_s=operator_s),
    )
