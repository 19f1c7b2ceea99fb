"""Two encoders: their widths add up where features are joined by channel, or are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vlcalc.core.errors import SpecError
from vlcalc.cost.components import components, dims_of
from vlcalc.fusion.base import FUSIONS
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ModelSpec

from .checks import assert_counts

JOINING = {"linear", "mlp", "fused_mlp", "hybrid_mlp", "spatial_aggregator"}


def spec(folder: Path, fusion: dict[str, Any], second: str | None = "siglip-l-16-384") -> ModelSpec:
    """Return a LLaVA with a second encoder of width 1024 on the same 24 x 24 grid."""
    model = {
        "name": "two-encoders",
        "vision": {"use": "clip-vit-l-14-336", "feature_layer": -2},
        **({"second_vision": {"use": second}} if second else {}),
        "tiling": {"kind": "fixed", "size": 336},
        "fusion": fusion,
        "language": {"use": "vicuna-7b-v1.5"},
    }
    path = folder / "two-encoders.yaml"
    path.write_text(yaml.safe_dump(model, sort_keys=False), encoding="utf-8")
    loaded = load_spec(str(path))
    assert isinstance(loaded, ModelSpec)
    return loaded


@pytest.mark.parametrize(
    ("fusion", "params"),
    [
        ({"kind": "linear"}, 2048 * 4096 + 4096),
        ({"kind": "mlp"}, 2048 * 4096 + 4096 + 4096**2 + 4096),
        ({"kind": "mlp", "extra_vision_widths": [1024]}, 2048 * 4096 + 4096 + 4096**2 + 4096),
        (
            {"kind": "fused_mlp"},
            2048 * 8192 + 8192 + 8192 * 4096 + 4096 + 4096**2 + 4096,
        ),
        ({"kind": "hybrid_mlp", "high_res_width": 1024}, 2 * (1024 * 2048 + 2048) + 4096**2 + 4096),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
def test_the_projector_takes_the_features_of_both(
    tmp_path: Path, fusion: dict[str, Any], params: int
) -> None:
    model = spec(tmp_path, fusion)
    assert model.fusion is not None
    assert components(model).fusion == params
    assert_counts(model.fusion, dims_of(model))


@pytest.mark.parametrize(
    ("fusion", "second", "message"),
    [
        (
            {"kind": "perceiver"},
            "siglip-l-16-384",
            r"beside `second_vision`, got `perceiver`; `fusion` at .*:\d+ and `second_vision` at",
        ),
        (
            {"kind": "mlp", "extra_vision_widths": [768]},
            "siglip-l-16-384",
            r"the `extra_vision_widths` of `second_vision`, \[1024\], got \[768\]",
        ),
        (
            {"kind": "linear", "extra_vision_widths": [768]},
            None,
            r"a `second_vision` beside the `extra_vision_widths` of `fusion`, got \[768\]",
        ),
        (
            {"kind": "hybrid_mlp", "high_res_width": 768},
            "siglip-l-16-384",
            r"a `second_vision` of the `high_res_width` of `fusion`, 768, got 1024",
        ),
        (
            {"kind": "hybrid_mlp", "high_res_width": 768},
            None,
            r"`high_res_width` of `fusion`, 768, got none",
        ),
        (
            {"kind": "spatial_aggregator"},
            "siglip-l-16-384",
            r"widths that `fusion` reads, \[1024, 1024, 1024, 1024\], got \[1024, 1024\]",
        ),
    ],
)
def test_widths_that_do_not_go_together_are_refused(
    tmp_path: Path, fusion: dict[str, Any], second: str | None, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        spec(tmp_path, fusion, second)


@pytest.mark.parametrize("kind", sorted(set(FUSIONS.names()) - JOINING))
def test_what_takes_one_encoder_refuses_two(tmp_path: Path, kind: str) -> None:
    needed = {
        "grouped": {"compress_ratio": 2},
        "gemma_projector": {"pooled_columns": 2, "pooled_rows": 2},
        "pooled_projector": {"pooled_columns": 2, "pooled_rows": 2},
    }
    with pytest.raises(SpecError, match=f"beside `second_vision`, got `{kind}`"):
        spec(tmp_path, {"kind": kind, **needed.get(kind, {})})
