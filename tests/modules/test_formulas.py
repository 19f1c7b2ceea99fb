"""Modules that no library has: their formula written out once more, from the same weights."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402, N812

from vlcalc.modules.abstractor import DAbstractorModule  # noqa: E402
from vlcalc.modules.convolutions import MobileBlock, RegNetBlock  # noqa: E402
from vlcalc.modules.grids import sine_positions, to_grid, to_tokens  # noqa: E402
from vlcalc.modules.late import Temperature  # noqa: E402
from vlcalc.modules.pipeline import concatenate  # noqa: E402
from vlcalc.modules.resampler import SelfCrossLayer  # noqa: E402
from vlcalc.modules.spatial_aggregator import AggregatorLayer  # noqa: E402

from .helpers import assert_same, built, randomise  # noqa: E402

pytestmark = pytest.mark.usefixtures("no_grad")

BOTH: dict[str, Any] = {"vision_width": 8, "text_width": 12}
JOINT: dict[str, Any] = {**BOTH, "output_width": 5, "joint_width": 6}


def vectors() -> tuple[Any, Any]:
    return torch.randn(3, 8), torch.randn(3, 12)


def multihead(attention: Any, num_heads: int, query: Any, key: Any, value: Any) -> Any:
    """Run torch's own multi-head attention with the weights of ours."""
    parts = (attention.query, attention.key, attention.value)
    fused, _ = F.multi_head_attention_forward(
        query.transpose(0, 1),
        key.transpose(0, 1),
        value.transpose(0, 1),
        query.shape[-1],
        num_heads,
        torch.cat([part.weight for part in parts]),
        torch.cat([part.bias for part in parts]),
        None,
        None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=attention.output.weight,
        out_proj_bias=attention.output.bias,
        training=False,
        need_weights=False,
    )
    return fused.transpose(0, 1)


def test_qwen_vl_resampler() -> None:
    """Positions go onto queries and keys, not onto values."""
    module = randomise(built("cross_attention_resampler", **BOTH, num_queries=9, num_heads=3))
    x = torch.randn(2, 9, 8)
    positions = sine_positions(columns=3, rows=3, width=12)
    features = module.key_norm(module.project(x))
    queries = (module.query_norm(module.queries.weight) + positions).expand(2, -1, -1)
    fused = multihead(module.attention, 3, queries, features + positions, features)
    norm, project = module.output
    assert_same(module(x), project(norm(fused)))


def test_token_packer() -> None:
    """Region by region, with torch's own multi-head attention."""
    module = randomise(
        built("token_packer", **BOTH, num_levels=2, columns=4, rows=4, hidden_width=16, num_heads=2)
    )
    x, levels = torch.randn(1, 16, 8), torch.randn(1, 16, 16)
    grid = to_grid(x, 4, 4)
    coarse = to_tokens(F.interpolate(grid, size=(2, 2), mode="bilinear"))
    queries = module.query_norm(module.project_query(coarse))
    keys = module.key_norm(module.project_key(levels))
    values = module.value_norm(module.project_value(levels))
    regions = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    packed = [
        multihead(module.attention, 2, queries[:, [index]], keys[:, region], values[:, region])
        for index, region in enumerate(regions)
    ]
    assert_same(module(x, levels), module.readout(torch.cat(packed, dim=1)))


def test_flamingo_resampler_reads_features_and_latents() -> None:
    module = randomise(
        built(
            "perceiver",
            vision_width=16,
            depth=1,
            num_heads=2,
            head_dim=8,
            num_latents=3,
            activation="squared_relu",
        )
    )
    layer, x = module.layers[0], torch.randn(1, 5, 16)
    for part in (layer.attention.query, layer.attention.key, layer.attention.value):
        part.bias = torch.nn.Parameter(torch.zeros(16))
    latents = module.latents.weight[None]
    queries = layer.latent_norm(latents)
    keys = torch.cat([layer.context_norm(x), queries], dim=1)
    latents = latents + multihead(layer.attention, 2, queries, keys, keys)
    hidden = layer.feed_forward.up(layer.feed_forward_norm(latents)).relu() ** 2
    assert_same(module(x), module.norm(latents + layer.feed_forward.down(hidden)))


def test_self_cross_layer() -> None:
    layer = randomise(
        SelfCrossLayer(width=12, num_heads=3, output_projection=True, feed_forward=False)
    )
    queries, x = torch.randn(2, 4, 12), torch.randn(2, 7, 12)
    normed = layer.self_norm(queries)
    expected = queries + multihead(layer.self_attention, 3, normed, normed, normed)
    read = multihead(layer.cross_attention, 3, layer.cross_norm(expected), x, x)
    assert_same(layer(queries, x), expected + read)


def without_layers() -> DAbstractorModule:
    return DAbstractorModule(
        **BOTH,
        num_visual_tokens=16,
        num_queries=4,
        hidden_width=8,
        depth=0,
        num_heads=2,
        num_points=4,
        feed_forward_width=8,
    )


def test_d_abstractor_starts_from_the_pooled_features_with_positions() -> None:
    module = randomise(without_layers())
    x = torch.randn(1, 16, 8)
    pooled = F.avg_pool2d(to_grid(x + module.positions.weight, 4, 4), 2)
    assert_same(module(x), module.project_out(to_tokens(pooled)))


def test_d_abstractor_points_span_the_grid() -> None:
    module = without_layers()
    corners = [[0.125, 0.125], [0.875, 0.125], [0.125, 0.875], [0.875, 0.875]]
    assert module.reference_points.tolist() == corners


def test_ldp_v2_adds_the_positions_to_the_pooled_grid() -> None:
    module = randomise(built("ldpv2", **BOTH, pooled_side=2))
    module.positions.weight.zero_()
    module.positions.bias.fill_(0.5)
    x = torch.randn(1, 16, 8)
    pooled = to_tokens(F.avg_pool2d(to_grid(module.project(x), 4, 4), 2))
    assert_same(module(x), pooled + 0.5)


def test_aggregator_layer() -> None:
    """Cambrian's layer, window of one encoder only: residuals inside and around the projections."""
    layer = randomise(AggregatorLayer(query_width=12, width=16, window_sides=(2,), num_heads=2))
    queries, context, window = torch.randn(3, 1, 12), torch.randn(3, 1, 16), torch.randn(3, 4, 16)
    attention = layer.attention
    x = layer.project_in(torch.cat([queries, layer.project_context(context)], dim=-1))
    placed = window + layer.positions["0"].weight
    heads = [
        part.unflatten(-1, (2, 8)).transpose(1, 2)
        for part in (attention.query(x), attention.keys[0](placed), attention.values[0](placed))
    ]
    shares = (heads[0] @ heads[1].mT / 8**0.5).softmax(-1)
    read = attention.output((shares @ heads[2]).transpose(1, 2).flatten(2))
    expected = queries + layer.project_out(layer.norm(x + read))
    assert_same(layer(queries, context, [window]), expected)


@pytest.mark.parametrize("pool_first", [True, False])
def test_pooling_before_or_after_the_projector(pool_first: bool) -> None:
    grid: dict[str, Any] = {"columns": 4, "rows": 2, "pooled_columns": 2, "pooled_rows": 1}
    module = randomise(built("pooled_projector", **BOTH, **grid, pool_first=pool_first))
    x = torch.randn(1, 8, 8)
    squares = [[0, 1, 4, 5], [2, 3, 6, 7]]
    wanted = x if pool_first else module.project(x)
    pooled = torch.stack([wanted[:, square].mean(dim=1) for square in squares], dim=1)
    assert_same(module(x), module.project(pooled) if pool_first else pooled)


def test_deepstack_returns_the_last_layer_first() -> None:
    module = randomise(built("deepstack_merger", **BOTH, num_levels=2))
    last, first, second = (torch.randn(1, 8, 8) for _ in range(3))
    out = module(last, first, second)
    assert torch.equal(out[0], module.merger(last))
    assert torch.equal(out[1], module.level_mergers[0](first))
    assert torch.equal(out[2], module.level_mergers[1](second))


def test_the_image_stands_before_the_text() -> None:
    visual, text = torch.randn(1, 2, 12), torch.randn(1, 3, 12)
    joined = concatenate(visual, text)
    assert torch.equal(joined[:, :2], visual)
    assert torch.equal(joined[:, 2:], text)


def test_clip_scale_is_capped_at_100() -> None:
    temperature = Temperature(initial=0.07, logarithmic=True)
    assert temperature(torch.ones(())).item() == pytest.approx(1 / 0.07)
    temperature.parameter.fill_(10.0)
    assert temperature(torch.ones(())).item() == pytest.approx(100.0)


@pytest.mark.parametrize("stride", [1, 2])
def test_mobile_block_is_residual_where_it_keeps_the_grid(stride: int) -> None:
    block = randomise(MobileBlock(channels=16, stride=stride))
    block.project_norm.norm.weight.zero_()
    block.project_norm.norm.bias.fill_(0.25)
    x = torch.randn(1, 16, 4, 4)
    assert_same(block(x), x + 0.25 if stride == 1 else torch.full((1, 16, 2, 2), 0.25))


def test_regnet_block_is_residual_under_its_last_activation() -> None:
    block = randomise(RegNetBlock(in_channels=8, channels=8))
    block.expand_norm.norm.weight.zero_()
    block.expand_norm.norm.bias.fill_(0.25)
    x = torch.randn(1, 8, 4, 4)
    assert_same(block(x), F.silu(x + 0.25))


def test_film_without_a_signal_changes_nothing() -> None:
    module = built("film", text_width=12, vision_width=3, num_blocks=1)
    torch.nn.init.zeros_(module.generator.weight)
    module.generator.bias.copy_(torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 7.0]))
    x = torch.randn(2, 3, 2, 2)
    (out,) = module(torch.randn(2, 12), x)
    assert torch.equal(out[:, 0], x[:, 0])
    assert torch.equal(out[:, 1], 2 * x[:, 1])
    assert torch.equal(out[:, 2], x[:, 2] + 7)


@pytest.mark.parametrize("reads", ["inputs", "projections"])
def test_gated_unit(reads: Any) -> None:
    module = randomise(built("gating", **BOTH, hidden_width=6, gate_reads=reads))
    visual, text = vectors()
    seen = module.vision_project(visual), module.text_project(text)
    gate_input = torch.cat((visual, text) if reads == "inputs" else seen, dim=1)
    share = module.gate(gate_input).sigmoid()
    assert_same(module(visual, text), share * seen[0].tanh() + (1 - share) * seen[1].tanh())


@pytest.mark.parametrize(("kind", "join"), [("linear_sum", torch.add), ("mlb", torch.mul)])
def test_linear_sum_and_mlb(kind: str, join: Any) -> None:
    module = randomise(built(kind, **JOINT))
    visual, text = vectors()
    joint = join(module.vision_project(visual).relu(), module.text_project(text).relu())
    assert_same(module(visual, text), module.output(joint).relu())


def test_mutan_sums_the_products_of_each_rank() -> None:
    module = randomise(built("mutan", **JOINT, rank=3))
    visual, text = vectors()
    left = module.vision_merge(module.vision_project(visual)).chunk(3, dim=1)
    right = module.text_merge(module.text_project(text)).chunk(3, dim=1)
    joint = left[0] * right[0] + left[1] * right[1] + left[2] * right[2]
    assert_same(module(visual, text), module.output(joint))


def products(pool: Any, visual: Any, text: Any) -> Any:
    return pool.vision_project(visual).relu() * pool.text_project(text).relu()


def test_mfb_sums_neighbours() -> None:
    module = randomise(built("mfb", **JOINT, factor=2))
    visual, text = vectors()
    product = products(module.pool, visual, text)
    joint = product[:, 0::2] + product[:, 1::2]
    assert_same(module(visual, text), module.output(joint).relu())


def test_mfh_multiplies_the_orders() -> None:
    module = randomise(built("mfh", **JOINT, factor=2))
    visual, text = vectors()
    first = products(module.pools[0], visual, text)
    second = products(module.pools[1], visual, text) * first
    joint = torch.cat([x[:, 0::2] + x[:, 1::2] for x in (first, second)], dim=1)
    assert_same(module(visual, text), module.output(joint).relu())


def test_tucker_is_a_trilinear_form() -> None:
    module = randomise(built("tucker", **JOINT))
    visual, text = vectors()
    left, right = module.vision_project(visual), module.text_project(text)
    joint = torch.einsum("bi,oij,bj->bo", left, module.core.weight, right) + module.core.bias
    assert_same(module(visual, text), module.output(joint))


@pytest.mark.parametrize("rank", [None, 2])
def test_block_fuses_chunk_by_chunk(rank: int | None) -> None:
    module = randomise(built("block", **JOINT, num_chunks=2, rank=rank))
    visual, text = vectors()
    left = module.vision_project(visual).chunk(2, dim=1)
    right = module.text_project(text).chunk(2, dim=1)
    fused = [chunk(*pair) for chunk, *pair in zip(module.chunks, left, right, strict=True)]
    rooted = [x.sign() * x.abs().sqrt() for x in fused]
    unit = [x / x.norm(dim=1, keepdim=True) for x in rooted]
    assert_same(module(visual, text), module.output(torch.cat(unit, dim=1)))
