"""Projectors, poolers and mergers: transformers' weights in ours, the outputs within 1e-5."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers.models.deepseek_vl_hybrid import modeling_deepseek_vl_hybrid  # noqa: E402
from transformers.models.fuyu import modeling_fuyu  # noqa: E402
from transformers.models.gemma3 import modeling_gemma3  # noqa: E402
from transformers.models.idefics3 import modeling_idefics3  # noqa: E402
from transformers.models.internvl import modeling_internvl  # noqa: E402
from transformers.models.llava import modeling_llava  # noqa: E402
from transformers.models.llava_onevision import modeling_llava_onevision  # noqa: E402
from transformers.models.mistral3 import modeling_mistral3  # noqa: E402
from transformers.models.paligemma import modeling_paligemma  # noqa: E402
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl  # noqa: E402
from transformers.models.qwen2_vl import modeling_qwen2_vl  # noqa: E402
from transformers.models.qwen3_vl import modeling_qwen3_vl  # noqa: E402

from vlcalc.modules.grids import to_windows  # noqa: E402
from vlcalc.modules.pooling import GridPool  # noqa: E402

from .helpers import assert_same, built, load, randomise  # noqa: E402
from .reference import TEXT, TOWER, VISION, clip_vision, llama_text, siglip_vision  # noqa: E402

pytestmark = [pytest.mark.oracle, pytest.mark.usefixtures("no_grad")]

MERGER = {"ln_q": "norm", "mlp.": "layers."}


def test_llava_mlp() -> None:
    config = transformers.LlavaConfig(vision_config=clip_vision(), text_config=llama_text())
    theirs = randomise(modeling_llava.LlavaMultiModalProjector(config))
    ours = built("mlp", vision_width=VISION, text_width=TEXT)
    load(ours, theirs, {"linear_1": "layers.0", "linear_2": "layers.2"})
    x = torch.randn(2, 9, VISION)
    assert_same(ours(x), theirs(x))


def test_paligemma_linear() -> None:
    config = transformers.PaliGemmaConfig(
        vision_config=siglip_vision(), text_config=transformers.GemmaConfig(hidden_size=TEXT)
    )
    config.vision_config.projection_dim = TEXT
    theirs = randomise(modeling_paligemma.PaliGemmaMultiModalProjector(config))
    ours = built("linear", vision_width=VISION, text_width=TEXT)
    load(ours, theirs, {"linear": "project"})
    x = torch.randn(2, 9, VISION)
    assert_same(ours(x), theirs(x))


def test_deepseek_vl_hybrid() -> None:
    config = transformers.DeepseekVLHybridConfig(
        vision_config=siglip_vision().to_dict(),
        high_res_vision_config={"model_type": "sam_vision_model", "output_channels": 10},
        text_config=llama_text().to_dict(),
    )
    theirs = randomise(modeling_deepseek_vl_hybrid.DeepseekVLHybridAligner(config))
    ours = built("hybrid_mlp", vision_width=VISION, high_res_width=40, text_width=TEXT)
    renames = {
        "high_res_vision_proj": "high_res_project",
        "vision_proj": "project",
        "proj.": "output.",
    }
    load(ours, theirs, renames)
    x, high_res = torch.randn(2, 9, VISION), torch.randn(2, 9, 40)
    assert_same(ours(x, high_res), theirs(x, high_res))


@pytest.mark.parametrize(("columns", "rows"), [(4, 6), (6, 4)])
def test_internvl(columns: int, rows: int) -> None:
    """The grid is not square, so that rows and columns cannot be taken for one another."""
    config = transformers.InternVLConfig(
        vision_config={"hidden_size": VISION}, text_config=llama_text()
    )
    theirs = randomise(modeling_internvl.InternVLMultiModalProjector(config))
    ours = built("pixel_shuffle", vision_width=VISION, text_width=TEXT, columns=columns, rows=rows)
    load(ours, theirs, {"layer_norm": "norm", "linear_1": "layers.0", "linear_2": "layers.2"})
    x = torch.randn(2, rows * columns, VISION)
    shuffled = modeling_internvl.InternVLModel.pixel_shuffle(None, x.unflatten(1, (rows, columns)))
    assert_same(ours(x), theirs(shuffled).flatten(1, 2))


def test_windows_are_the_shuffle_of_internvl() -> None:
    x = torch.arange(4 * 6 * 3.0).reshape(1, 24, 3)
    shuffled = modeling_internvl.InternVLModel.pixel_shuffle(None, x.unflatten(1, (4, 6)))
    windows = to_windows(x, columns=6, rows=4, side=2)
    assert torch.equal(windows.flatten(2), shuffled.flatten(1, 2))


@pytest.mark.parametrize("factor", [2, 3])
def test_idefics3_connector(factor: int) -> None:
    config = transformers.Idefics3Config(
        vision_config={"hidden_size": VISION}, text_config=llama_text(), scale_factor=factor
    )
    theirs = randomise(modeling_idefics3.Idefics3Connector(config))
    ours = built(
        "pixel_shuffle",
        vision_width=VISION,
        text_width=TEXT,
        columns=6,
        rows=6,
        factor=factor,
        depth=1,
        input_norm=None,
        bias=False,
    )
    load(ours, theirs, {"modality_projection.proj": "layers.0"})
    x = torch.randn(2, 36, VISION)
    assert_same(ours(x), theirs(x))


def test_gemma3_projector() -> None:
    config = transformers.Gemma3Config(
        vision_config=siglip_vision(image_size=96, patch_size=8),
        text_config=transformers.Gemma3TextConfig(hidden_size=TEXT),
        mm_tokens_per_image=9,
    )
    theirs = randomise(modeling_gemma3.Gemma3MultiModalProjector(config))
    ours = built(
        "gemma_projector",
        vision_width=VISION,
        text_width=TEXT,
        columns=12,
        rows=12,
        pooled_columns=3,
        pooled_rows=3,
    )
    ours.norm.weight.copy_(theirs.mm_soft_emb_norm.weight)
    ours.project.weight.copy_(theirs.mm_input_projection_weight.T)
    x = torch.randn(2, 144, VISION)
    assert_same(ours(x), theirs(x))


def test_llava_onevision_video_pool() -> None:
    config = transformers.LlavaOnevisionConfig(
        vision_config=siglip_vision(image_size=56, patch_size=8), text_config=llama_text()
    )
    reference = type("Reference", (), {"config": config})()
    ours = GridPool(columns=7, rows=7, pooled_columns=4, pooled_rows=4, pool="bilinear")
    x = torch.randn(3, 49, VISION)
    pooled = modeling_llava_onevision.LlavaOnevisionModel.apply_pooling(reference, x)
    assert_same(ours(x), pooled)


def test_qwen2_vl_merger() -> None:
    theirs = randomise(modeling_qwen2_vl.PatchMerger(dim=TEXT, context_dim=VISION))
    ours = built("patch_merger", vision_width=VISION, text_width=TEXT)
    load(ours, theirs, MERGER)
    x = torch.randn(1, 24, VISION)
    assert_same(ours(x)[0], theirs(x[0]))


def test_qwen2_5_vl_merger() -> None:
    theirs = randomise(modeling_qwen2_5_vl.Qwen2_5_VLPatchMerger(dim=TEXT, context_dim=VISION))
    ours = built("patch_merger", vision_width=VISION, text_width=TEXT, norm="rms")
    load(ours, theirs, MERGER)
    x = torch.randn(1, 24, VISION)
    assert_same(ours(x)[0], theirs(x[0]))


@pytest.mark.parametrize("after", [False, True])
def test_qwen3_vl_merger(after: bool) -> None:
    config = modeling_qwen3_vl.Qwen3VLVisionConfig(hidden_size=VISION, out_hidden_size=TEXT)
    theirs = randomise(
        modeling_qwen3_vl.Qwen3VLVisionPatchMerger(config, use_postshuffle_norm=after)
    )
    ours = built("patch_merger", vision_width=VISION, text_width=TEXT, norm_after_merge=after)
    load(ours, theirs, {"linear_fc1": "layers.0", "linear_fc2": "layers.2"})
    x = torch.randn(1, 24, VISION)
    assert_same(ours(x)[0], theirs(x[0]))


def test_mistral3_projector() -> None:
    config = transformers.Mistral3Config(
        vision_config=transformers.PixtralVisionConfig(hidden_size=VISION, patch_size=4),
        text_config=transformers.MistralConfig(hidden_size=TEXT),
    )
    theirs = randomise(modeling_mistral3.Mistral3MultiModalProjector(config))
    ours = built("merging_projector", vision_width=VISION, text_width=TEXT, columns=4, rows=6)
    renames = {
        "patch_merger.merging_layer": "merge",
        "linear_1": "layers.0",
        "linear_2": "layers.2",
    }
    load(ours, theirs, renames)
    x = torch.randn(1, 24, VISION)
    assert_same(ours(x)[0], theirs(x[0], torch.tensor([[24, 16]])))


def test_fuyu_linear() -> None:
    """The patches are cut here as its processor cuts them: pixel by pixel, channel last."""
    text = {"model_type": "persimmon", "hidden_size": TEXT, "vocab_size": 30, **TOWER}
    config = transformers.FuyuConfig(hidden_size=TEXT, patch_size=6, text_config=text)
    theirs = randomise(modeling_fuyu.FuyuModel(config)).vision_embed_tokens
    ours = built("raw_patch", patch_size=6, text_width=TEXT)
    ours.project.load_state_dict(theirs.state_dict())
    image = torch.randn(2, 3, 12, 18)
    corners = [(row, column) for row in (0, 6) for column in (0, 6, 12)]
    cut = [image[:, :, row : row + 6, column : column + 6] for row, column in corners]
    patches = torch.stack([patch.permute(0, 2, 3, 1).flatten(1) for patch in cut], dim=1)
    assert_same(ours(image), theirs(patches))
