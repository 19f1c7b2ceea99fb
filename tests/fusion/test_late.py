"""Late fusion: projections, similarities and decisions against modules and published counts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.fusion.checks import assert_counts
from tests.fusion.presets import native_dims, preset
from tests.fusion.strategies import all_dims, few, make, small
from vlcalc.core.errors import InputError
from vlcalc.fusion.base import Dims

TOWERS = {
    "clip-vit-l14-heads": 303_179_776 + 123_060_480,
    "align-base-heads": 62_143_440 + 109_482_240,
}


@few
@given(small, st.booleans(), st.booleans(), st.booleans(), all_dims)
def test_dual_projection(
    width: int, project: bool, bias: bool, logarithmic: bool, dims: Dims
) -> None:
    fusion = make(
        "dual_projection",
        projection_width=width,
        project_vision=project,
        bias=bias,
        logarithmic=logarithmic,
    )
    dims = dims if project else dims._replace(vision_width=width)
    fusion.check(dims)
    assert_counts(fusion, dims)
    similarities = fusion.build(dims)(*fusion.example_inputs(dims))
    assert similarities.numel() == fusion.num_similarities(dims) == dims.batch_size**2  # type: ignore[attr-defined]


@few
@given(st.booleans(), all_dims)
def test_contrastive_head(logarithmic: bool, dims: Dims) -> None:
    dims = dims._replace(vision_width=dims.text_width)
    fusion = make("contrastive_head", logarithmic=logarithmic)
    fusion.check(dims)
    assert_counts(fusion, dims)


@few
@given(small, all_dims)
def test_concat_head(output_width: int, dims: Dims) -> None:
    assert_counts(make("concat_head", output_width=output_width), dims)


@pytest.mark.parametrize("name", TOWERS)
def test_published_parameters(name: str) -> None:
    spec = preset(name)
    dims = native_dims(spec)
    figures = {figure.metric: figure.value for figure in spec.published}
    assert spec.fusion.num_params(dims) == figures["params"]
    assert spec.fusion.num_params(dims) + TOWERS[name] == figures["model_params"]
    assert_counts(spec.fusion, dims)


def test_contrastive_loss_of_the_articles() -> None:
    fusion = make("contrastive_head", initial=0.07, logarithmic=False)
    dims = Dims(vision_width=512, text_width=512, columns=1, rows=1, batch_size=32)
    assert fusion.num_params(dims) == 1
    module = fusion.build(dims, "cpu")
    losses = []
    for seed in range(5):
        torch.manual_seed(seed)
        losses.append(module(torch.randn(32, 512), torch.randn(32, 512)).item())
    assert losses == pytest.approx([3.7052, 3.694, 3.6932, 3.5184, 3.6552], abs=5e-5)


def test_a_batch_of_clip_compares_all_pairs() -> None:
    spec = preset("clip-vit-l14-heads")
    dims = native_dims(spec)._replace(batch_size=32_768)
    projections = 2 * 32_768 * (1024 + 768) * 768
    assert spec.fusion.num_similarities(dims) == 1_073_741_824  # type: ignore[attr-defined]
    assert spec.fusion.num_flops(dims) == projections + 2 * 768 * 1_073_741_824


def test_impossible_dims_are_refused() -> None:
    dims = Dims(vision_width=1024, text_width=768, columns=1, rows=1)
    with pytest.raises(InputError, match=r"`projection_width` \(640\), got 1024"):
        make("dual_projection", projection_width=640, project_vision=False).check(dims)
    with pytest.raises(InputError, match=r"equal to `text_width` \(768\), got 1024"):
        make("contrastive_head").check(dims)
