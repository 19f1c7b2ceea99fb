"""What each structure promises: who reads what, in which order, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vlcalc.core.errors import InputError  # noqa: E402
from vlcalc.modules.bilinear import BilinearCore, chunk_sizes, signed_sqrt_norm  # noqa: E402
from vlcalc.modules.grids import sine_positions, to_grid, to_tokens  # noqa: E402
from vlcalc.modules.outer_product import CountSketch  # noqa: E402
from vlcalc.modules.pooling import GridPool  # noqa: E402
from vlcalc.modules.primitives import Attention, build_activation  # noqa: E402
from vlcalc.modules.projection import ImageNewline  # noqa: E402

from .helpers import built, randomise  # noqa: E402

BOTH: dict[str, Any] = {"vision_width": 8, "text_width": 12}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def changed_rows(before: Any, after: Any) -> list[int]:
    rows: list[int] = (before != after).any(dim=-1)[0].nonzero().flatten().tolist()
    return rows


def test_grid_and_back() -> None:
    x = torch.randn(2, 12, 3)
    grid = to_grid(x, 4, 3)
    assert grid.shape == (2, 3, 3, 4)
    assert torch.equal(grid[0, :, 1, 2], x[0, 6])
    assert torch.equal(to_tokens(grid), x)


def test_token_packer_reads_only_its_region() -> None:
    module = randomise(
        built("token_packer", **BOTH, num_levels=2, columns=4, rows=4, hidden_width=16, num_heads=2)
    )
    x, levels = torch.randn(1, 16, 8), torch.randn(1, 16, 16)
    other = levels.clone()
    other[0, 6] += 1.0  # row 1, column 2: the second region of the first row
    assert changed_rows(module(x, levels), module(x, other)) == [1]


def test_aggregator_reads_only_its_window() -> None:
    module = randomise(
        built(
            "spatial_aggregator",
            vision_widths=(8, 6),
            text_width=12,
            window_sides=(1, 2),
            num_queries=9,
            width=16,
            num_heads=2,
        )
    )
    coarse, fine = torch.randn(1, 9, 8), torch.randn(1, 36, 6)
    other = fine.clone()
    other[0, 14] += 1.0  # row 2, column 2 of 6: query (1, 1), the sixth token with newlines
    assert changed_rows(module(coarse, fine), module(coarse, other)) == [5]


def test_newline_ends_each_row() -> None:
    module = ImageNewline(text_width=4)
    x = torch.randn(1, 6, 4)
    out = module(x, 3)
    assert out.shape == (1, 8, 4)
    assert torch.equal(out[0, [3, 7]], module.newline.expand(2, -1))
    assert torch.equal(out[0, [0, 1, 2, 4, 5, 6]], x[0])


def test_interleaving_puts_the_tokens_at_their_placeholders() -> None:
    module = built("interleaved_pipeline", **BOTH, vocab_size=20, depth=1, image_token_id=3)
    visual, ids = torch.randn(1, 2, 8), torch.tensor([[7, 3, 9, 3]])
    out = module(visual, ids)
    assert torch.equal(out[0, [1, 3]], module.projector(visual)[0])
    assert torch.equal(out[0, [0, 2]], module.words(ids)[0, [0, 2]])


def test_ovis_completes_an_odd_grid_with_zeros() -> None:
    module = randomise(built("visual_embedding_table", **BOTH, num_codes=30))
    x = torch.randn(1, 25, 8)
    even = torch.nn.functional.pad(x.unflatten(1, (5, 5)), (0, 0, 0, 1, 0, 1)).flatten(1, 2)
    assert torch.equal(module(x), module(even))
    assert torch.equal(module.indicators(), module.table[26:])


def test_sine_positions_tell_columns_from_rows() -> None:
    positions = sine_positions(columns=3, rows=2, width=8)
    assert positions.shape == (6, 8)
    assert torch.equal(positions[0, :4], positions[3, :4])  # the same column
    assert torch.equal(positions[0, 4:], positions[2, 4:])  # the same row
    angles = torch.tensor([2.0, 2.0 / 100])
    expected = torch.cat([angles.sin(), angles.cos()])
    assert torch.allclose(positions[2, :4], expected)


def test_positions_of_the_queries_own_grid_are_not_stretched() -> None:
    module = built("cross_attention_resampler", **BOTH, num_queries=9, num_heads=3)
    assert torch.allclose(module._positions_for(3)[0], module.positions, atol=1e-6)


def test_bilinear_core_is_nn_bilinear() -> None:
    core, reference = randomise(BilinearCore(width=5)), torch.nn.Bilinear(5, 5, 5)
    reference.load_state_dict(core.state_dict())
    visual, text = torch.randn(3, 5), torch.randn(3, 5)
    assert torch.allclose(core(visual, text), reference(visual, text), atol=1e-5)


def test_compact_pooling_sketches_the_outer_product() -> None:
    """Convolving two sketches is the sketch of the outer product under the summed hash."""
    module = built("mcb", vision_width=4, text_width=3, output_width=7, joint_width=7)
    with torch.no_grad():
        module.output.weight.copy_(torch.eye(7))
        module.output.bias.zero_()
    visual, text = torch.randn(1, 4), torch.randn(1, 3)
    first, second = module.vision_sketch, module.text_sketch
    bins = (first.bins[:, None] + second.bins).flatten() % 7
    signed = (first.signs * visual)[0, :, None] * (second.signs * text)[0]
    expected = torch.zeros(7).index_add(0, bins, signed.flatten()).relu()
    assert torch.allclose(module(visual, text)[0], expected, atol=1e-5)


def test_count_sketch_has_no_parameters() -> None:
    assert list(CountSketch(width=4, sketch_width=3).parameters()) == []


def test_tensor_fusion_keeps_each_vector_on_its_own() -> None:
    module = built(
        "tensor_fusion", vision_width=2, text_width=3, hidden_width=4, output_width=12, depth=1
    )
    with torch.no_grad():
        module.layers[0].weight.copy_(torch.eye(12))
        module.layers[0].bias.zero_()
    visual, text = torch.randn(1, 2), torch.randn(1, 3)
    product = module(visual, text).unflatten(1, (3, 4))[0]
    assert torch.equal(product[2, :3], text[0])
    assert torch.equal(product[:2, 3], visual[0])
    assert product[2, 3] == 1
    assert torch.allclose(product[:2, :3], visual.T @ text)


@pytest.mark.parametrize(
    ("width", "chunks", "sizes"),
    [
        (12, 3, [4, 4, 4]),
        (1600, 18, [89] * 17 + [87]),
        (13, 4, [4, 4, 4, 1]),
        (10, 7, [2, 2, 2, 1, 1, 1, 1]),
    ],
)
def test_chunk_sizes(width: int, chunks: int, sizes: list[int]) -> None:
    assert chunk_sizes(width, chunks) == sizes
    assert sum(sizes) == width


def test_signed_root_has_length_one_and_keeps_signs() -> None:
    x = torch.tensor([[4.0, -9.0]])
    assert torch.allclose(signed_sqrt_norm(x), torch.tensor([[2.0, -3.0]]) / 13**0.5)


REFUSALS: dict[str, tuple[Callable[[], Any], str]] = {
    "heads": (lambda: Attention(width=10, num_heads=3), r"`num_heads` .*`width` \(10\), got 3"),
    "kv heads": (
        lambda: Attention(width=12, num_heads=4, num_kv_heads=3),
        r"`num_kv_heads` .*`num_heads` \(4\), got 3",
    ),
    "ratio": (
        lambda: built("grouped", **BOTH, compress_ratio=4)(torch.zeros(1, 10, 8)),
        r"`compress_ratio` .*`visual tokens` \(10\), got 4",
    ),
    "merge": (
        lambda: built("patch_merger", **BOTH)(torch.zeros(1, 10, 8)),
        r"`merge_size\^2` .*`patches` \(10\), got 4",
    ),
    "shuffle": (
        lambda: built("pixel_shuffle", **BOTH, columns=5, rows=4),
        r"`factor` .*`columns` \(5\), got 2",
    ),
    "pool": (
        lambda: GridPool(columns=6, rows=5, pooled_columns=3, pooled_rows=2, pool="average"),
        r"`pooled_rows` .*`rows` \(5\), got 2",
    ),
    "patches": (
        lambda: built("raw_patch", patch_size=4, text_width=6)(torch.zeros(1, 3, 8, 10)),
        r"`patch_size` .*`width` \(10\), got 4",
    ),
    "square": (
        lambda: built("c_abstractor", **BOTH, columns=6, rows=6, num_queries=10),
        r"`num_queries` that is a square, got 10",
    ),
    "square tokens": (
        lambda: built("ldp", **BOTH)(torch.zeros(1, 10, 8)),
        r"`visual tokens` that is a square, got 10",
    ),
    "square queries": (
        lambda: built("cross_attention_resampler", **BOTH, num_queries=10),
        r"`num_queries` that is a square, got 10",
    ),
    "negative": (lambda: Attention(width=12, num_heads=-4), r"`num_heads` .*, got -4"),
    "activation": (
        lambda: build_activation("gellu"),
        r"an activation: `gelu`.*, got `gellu`",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_name_both_numbers(name: str) -> None:
    build, message = REFUSALS[name]
    with pytest.raises(InputError, match=message):
        build()
