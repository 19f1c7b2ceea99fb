"""Poolers, mergers and resamplers: transformers' weights in ours, outputs within 1e-5."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from torch import Tensor, nn  # noqa: E402
from transformers.models.aria import modeling_aria  # noqa: E402
from transformers.models.aya_vision import modeling_aya_vision  # noqa: E402
from transformers.models.cohere2_vision import modeling_cohere2_vision  # noqa: E402
from transformers.models.glm4v import modeling_glm4v  # noqa: E402
from transformers.models.kosmos2 import modeling_kosmos2  # noqa: E402
from transformers.models.molmo2 import configuration_molmo2, modeling_molmo2  # noqa: E402

from vlcalc.modules.grids import to_grid, to_windows  # noqa: E402

from .helpers import assert_same, built, load, num_flops, randomise  # noqa: E402
from .reference import TEXT, VISION, llama_text, siglip_vision  # noqa: E402

pytestmark = [pytest.mark.oracle, pytest.mark.usefixtures("no_grad")]


def on_meta(module: nn.Module, *inputs: Tensor) -> int:
    """Return the FLOPs of the module, which is on meta from then on."""
    return num_flops(module.to("meta"), *(each.to("meta") for each in inputs))


@pytest.mark.parametrize(("columns", "rows"), [(4, 6), (6, 4)])
def test_molmo2_adapter(columns: int, rows: int) -> None:
    """Two layers of the encoder come in side by side; each square of 2 x 2 is pooled."""
    config = configuration_molmo2.Molmo2AdapterConfig(
        hidden_size=VISION // 2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        intermediate_size=40,
        text_hidden_size=TEXT,
    )
    theirs = randomise(modeling_molmo2.Molmo2Adapter(config))
    ours = built(
        "attention_pooling",
        vision_width=VISION,
        text_width=TEXT,
        columns=columns,
        rows=rows,
        num_heads=2,
        head_dim=8,
        hidden_width=40,
    )
    renames = {
        "image_pooling_2d.q_proj": "query",
        "image_pooling_2d.k_proj": "key",
        "image_pooling_2d.v_proj": "value",
        "image_pooling_2d.o_proj": "output",
        "image_projector.gate_proj": "project.gate",
        "image_projector.up_proj": "project.up",
        "image_projector.down_proj": "project.down",
    }
    load(ours, theirs, renames)
    x = torch.randn(2, rows * columns, VISION)
    numbers = torch.arange(x.shape[0] * x.shape[1]).reshape(2, -1, 1)
    squares = to_windows(numbers, columns=columns, rows=rows, side=2).flatten(0, 1)
    real = theirs(x, squares.squeeze(-1)).last_hidden_state
    assert_same(ours(x).flatten(0, 1), real)
    members = to_windows(x, columns=columns, rows=rows, side=2).flatten(0, 1)
    pooling = on_meta(theirs.image_pooling_2d, members[:, :1], members)
    pooled = torch.empty(len(members), 1, VISION // 2)
    assert on_meta(ours, x) == pooling + on_meta(theirs.image_projector, pooled)


def test_kosmos2_projection() -> None:
    config = transformers.Kosmos2Config(
        vision_config={"hidden_size": VISION},
        text_config={"embed_dim": TEXT, "attention_heads": 4},
        latent_query_num=5,
    )
    theirs = randomise(modeling_kosmos2.Kosmos2ImageToTextProjection(config))
    ours = built(
        "joint_resampler", vision_width=VISION, text_width=TEXT, num_latents=5, num_heads=4
    )
    renames = {
        "latent_query": "latents.weight",
        "dense": "project",
        "x_attn.q_proj": "attention.query",
        "x_attn.k_proj": "attention.key",
        "x_attn.v_proj": "attention.value",
        "x_attn.out_proj": "attention.output",
    }
    load(ours, theirs, renames)
    x = torch.randn(2, 10, VISION)
    assert_same(ours(x), theirs(x)[0])
    assert on_meta(ours, x) == on_meta(theirs, x)


def test_glm4v_merger() -> None:
    """Its processor orders patches square by square; ours are row by row."""
    columns, rows = 6, 4
    config = transformers.Glm4vConfig(
        vision_config={
            "depth": 1,
            "hidden_size": VISION,
            "out_hidden_size": TEXT,
            "intermediate_size": 40,
            "num_heads": 4,
        }
    )
    tower = randomise(modeling_glm4v.Glm4vVisionModel._from_config(config.vision_config))
    ours = built(
        "gated_merger",
        vision_width=VISION,
        text_width=TEXT,
        columns=columns,
        rows=rows,
        hidden_width=40,
    )
    state = {f"downsample.{name}": each for name, each in tower.downsample.state_dict().items()}
    renames = {
        "post_projection_norm": "norm",
        "gate_proj": "feed_forward.gate",
        "up_proj": "feed_forward.up",
        "down_proj": "feed_forward.down",
        "proj.": "project.",
    }
    for name, weight in tower.merger.state_dict().items():
        found = next(old for old in renames if old in name)
        state[name.replace(found, renames[found])] = weight
    ours.load_state_dict(state, strict=True)
    x = torch.randn(2, rows * columns, VISION)
    squares = to_windows(x, columns=columns, rows=rows, side=2)
    merged = tower.downsample(squares.flatten(0, 1).unflatten(1, (2, 2)).permute(0, 3, 1, 2))
    assert_same(ours(x).flatten(0, 1), tower.merger(merged.flatten(1)))
    downsample = on_meta(tower.downsample, to_grid(x, columns, rows))
    assert on_meta(ours, x) == downsample + on_meta(tower.merger, merged.flatten(1))


def test_aya_vision_projector() -> None:
    config = transformers.AyaVisionConfig(vision_config=siglip_vision(), text_config=llama_text())
    config.alignment_intermediate_size = 40
    theirs = randomise(modeling_aya_vision.AyaVisionMultiModalProjector(config))
    ours = built(
        "pixel_shuffle",
        vision_width=VISION,
        text_width=TEXT,
        columns=6,
        rows=6,
        hidden_width=20,
        gated=True,
        activation="silu",
    )
    load(ours, theirs, {"layernorm": "norm", "linear_1": "layers.0", "linear_2": "layers.2"})
    x = torch.randn(2, 36, VISION)
    assert_same(ours(x), theirs(x).flatten(1, 2))
    assert on_meta(ours, x) == on_meta(theirs, x)


def test_cohere2_vision_projector() -> None:
    config = transformers.Cohere2VisionConfig(
        vision_config=siglip_vision(), text_config=llama_text(), alignment_intermediate_size=40
    )
    theirs = randomise(modeling_cohere2_vision.Cohere2VisionMultiModalProjector(config))
    ours = built(
        "pixel_shuffle",
        vision_width=VISION,
        text_width=TEXT,
        columns=6,
        rows=6,
        hidden_width=20,
        gated=True,
        input_norm=None,
        activation="silu",
    )
    load(ours, theirs, {"linear_1": "layers.0", "linear_2": "layers.2"})
    x = torch.randn(2, 36, VISION)
    assert_same(ours(x), theirs(x).flatten(1, 2))
    assert on_meta(ours, x) == on_meta(theirs, x)


@pytest.mark.parametrize(("patches", "queries"), [(9, 3), (16, 5)])
def test_aria_projector(patches: int, queries: int) -> None:
    """Fewer patches are read by fewer of the same queries."""
    config = transformers.AriaConfig(
        vision_config={"hidden_size": VISION, "num_attention_heads": 4},
        text_config={"hidden_size": TEXT, "num_attention_heads": 4},
        projector_patch_to_query_dict={9: 3, 16: 5},
    )
    theirs = randomise(modeling_aria.AriaProjector(config))
    ours = built(
        "aria_projector",
        vision_width=VISION,
        text_width=TEXT,
        num_queries=5,
        used_queries=queries,
        num_heads=4,
    )
    state = dict(theirs.state_dict())
    weights = state.pop("cross_attn.multihead_attn.in_proj_weight").chunk(3)
    biases = state.pop("cross_attn.multihead_attn.in_proj_bias").chunk(3)
    renamed = {"queries.weight": state.pop("query")}
    for name, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
        renamed |= {f"attention.{name}.weight": weight, f"attention.{name}.bias": bias}
    for old, new in (
        ("cross_attn.multihead_attn.out_proj", "attention.output"),
        ("cross_attn.layer_norm_kv", "key_norm"),
        ("cross_attn.layer_norm", "query_norm"),
        ("cross_attn.q_proj", "query"),
        ("cross_attn.k_proj", "key"),
        ("cross_attn.v_proj", "value"),
        ("cross_attn.linear", "output"),
        ("feed_forward.linear_in", "feed_forward.up"),
        ("feed_forward.linear_out", "feed_forward.down"),
        ("layer_norm", "norm"),
    ):
        for name in [name for name in state if name.startswith(old)]:
            renamed[name.replace(old, new)] = state.pop(name)
    assert not state
    ours.load_state_dict(renamed, strict=True)
    x = torch.randn(2, patches, VISION)
    assert_same(ours(x), theirs(x))
    assert on_meta(ours, x) == on_meta(theirs, x)
