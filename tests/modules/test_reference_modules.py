"""The modules of the founding articles: parameters, output shapes and FLOPs, exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")


from .helpers import built, built_layer, num_flops, num_params, read_json  # noqa: E402

REFERENCES: dict[str, dict[str, Any]] = read_json("reference_modules.json")["modules"]


def grouped(text_width: int, compress_ratio: int = 1) -> Any:
    return built(
        "project_and_concatenate",
        vision_width=1024,
        text_width=text_width,
        compress_ratio=compress_ratio,
    )


def stack(text_width: int, vision_width: int, depth: int = 4, num_heads: int = 4) -> Any:
    return built(
        "gated_cross_attention",
        text_width=text_width,
        vision_width=vision_width,
        text_depth=depth,
        every=1,
        num_heads=num_heads,
        bias=True,
        project=vision_width != text_width,
    )


def resampler(text_width: int, num_heads: int, *, full: bool) -> Any:
    return built(
        "self_cross_resampler",
        vision_width=1024,
        text_width=text_width,
        num_heads=num_heads,
        output_projection=full,
        feed_forward=full,
    )


BUILDS: dict[str, Callable[[], Any]] = {
    "LinearProjection(1024,4096)": lambda: built("linear", vision_width=1024, text_width=4096),
    "LinearProjection(1024,4096)@576": lambda: built("linear", vision_width=1024, text_width=4096),
    "MLPProjection(1024,4096)": lambda: built("mlp", vision_width=1024, text_width=4096),
    "MLPProjection(1024,4096)@576": lambda: built("mlp", vision_width=1024, text_width=4096),
    "MLPProjection(1024,5120)@576": lambda: built("mlp", vision_width=1024, text_width=5120),
    "CrossAttention001(4096,1024,16x64)": lambda: built_layer(
        "cross_attention", text_width=4096, vision_width=1024, num_heads=16, head_dim=64
    ),
    "GatedCrossAttention001(4096,1024,16)": lambda: built_layer(
        "gated_cross_attention", text_width=4096, vision_width=1024, num_heads=16, head_dim=64
    ),
    "SimplifiedQFormer(32,768,1408,6,12)": lambda: built("simplified_q_former", vision_width=1408),
    "SimplifiedQFormer(layers=12)": lambda: built(
        "simplified_q_former", vision_width=1408, depth=12
    ),
    "LLaVAFusion(mlp)": lambda: built("llava_pipeline"),
    "LLaVAFusion(linear)": lambda: built("llava_pipeline", depth=1),
    "EarlyFusionModel(512,256,384,10)": lambda: built(
        "concat_mlp", vision_width=512, text_width=256, hidden_width=384, output_width=10
    ),
    "CrossAttention004(512,8)": lambda: built_layer(
        "cross_attention", text_width=512, vision_width=512, num_heads=8, bias=True
    ),
    "GatedCrossAttention004(4096,32)": lambda: built_layer(
        "gated_cross_attention", text_width=4096, vision_width=4096, num_heads=32, bias=True
    ),
    "SimpleLLaVA()": lambda: built("toy_llava"),
    "VLFusion(6,4,hidden=4)": lambda: built(
        "tanh_add", vision_width=6, text_width=4, hidden_width=4
    ),
    "VLFusion(512,512,hidden=512)": lambda: built(
        "tanh_add", vision_width=512, text_width=512, hidden_width=512
    ),
    "MLP002(defaults 1024->256, 196 tokens, text 20)": lambda: grouped(256),
    "MLP002(compress_ratio=4)": lambda: grouped(256, 4),
    "MLP002(1024->4096)": lambda: grouped(4096),
    "XAttn002(defaults, 4 layers, text 20)": lambda: stack(text_width=256, vision_width=1024),
    "XAttn002 block(hidden=vision=4096, heads=32)": lambda: stack(
        text_width=4096, vision_width=4096, depth=1, num_heads=32
    ),
    "Resampler002(defaults)": lambda: resampler(256, 4, full=False),
    "Resampler002(defaults + out_proj + ffn)": lambda: resampler(256, 4, full=True),
    "Resampler002(1024->1024, heads=16, +out_proj+ffn)": lambda: resampler(1024, 16, full=True),
    "Resampler002(1024->4096, heads=32, +out_proj+ffn)": lambda: resampler(4096, 32, full=True),
    "CLIPLoss(0.07)": lambda: built("contrastive_head", logarithmic=False),
}


def test_every_module_of_the_articles_is_built() -> None:
    assert set(BUILDS) == set(REFERENCES)


@pytest.mark.parametrize("name", BUILDS)
def test_parameters(name: str) -> None:
    with torch.device("meta"):
        assert num_params(BUILDS[name]()) == REFERENCES[name]["params"]


@pytest.mark.parametrize("name", [name for name in BUILDS if "flops" in REFERENCES[name]])
def test_output_shape_and_flops(name: str) -> None:
    reference = REFERENCES[name]
    with torch.device("meta"):
        module = BUILDS[name]()
        inputs = [
            torch.zeros(given["shape"], dtype=torch.long if given["kind"] == "i" else None)
            for given in reference["inputs"]
        ]
    assert list(module(*inputs).shape) == reference["output_shape"]
    assert num_flops(module, *inputs) == reference["flops"] == 2 * reference["macs"]


def test_parts() -> None:
    """Where the pieces have names of their own, they are as large as the article's."""
    with torch.device("meta"):
        llava, toy = built("llava_pipeline"), built("toy_llava")
    fused = REFERENCES["LLaVAFusion(mlp)"]["parts"]
    assert num_params(llava.projector) == fused["projector"]
    assert num_params(llava.words) == fused["text_embed"]
    parts = REFERENCES["SimpleLLaVA()"]["parts"]
    assert num_params(toy.layers) == parts["transformer"]
    assert num_params(toy.head) == parts["lm_head"]
    assert num_params(toy.pipeline.projector) == parts["visual_proj"]


@pytest.mark.parametrize("seed", range(5))
def test_contrastive_loss_of_random_features(seed: int) -> None:
    reference = REFERENCES["CLIPLoss(0.07)"]
    torch.manual_seed(seed)
    visual, text = torch.randn(32, 512), torch.randn(32, 512)
    loss = built("contrastive_head", initial=reference["temperature"], logarithmic=False)(
        visual, text
    )
    assert round(loss.item(), 4) == reference["loss_for_manual_seed_0_to_4"][seed]


def test_contrastive_loss_of_perfect_pairs() -> None:
    """The images of seed 0 stand on both sides."""
    torch.manual_seed(0)
    visual = torch.randn(32, 512)
    head = built("contrastive_head", logarithmic=False)
    perfect = REFERENCES["CLIPLoss(0.07)"]["perfect_pairs_loss"]
    assert head(visual, visual).item() == pytest.approx(perfect, rel=1e-4)
