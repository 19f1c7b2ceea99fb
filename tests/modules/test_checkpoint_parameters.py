"""Every bridge of a real checkpoint that the facts take apart, to the last parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vlcalc.modules.projection import ImageNewline  # noqa: E402

from .helpers import built, num_params, read_json  # noqa: E402
from .published import (  # noqa: E402
    gemma,
    idefics_block,
    internvl,
    llama_blocks,
    merger,
    shuffle_linear,
)

PARTS = read_json("bridge_parts.json")

CHECKPOINTS: dict[str, Callable[[], Any]] = {
    "clip-vit-b-32": lambda: built(
        "dual_projection", vision_width=768, text_width=512, projection_width=512
    ),
    "clip-vit-l-14": lambda: built(
        "dual_projection", vision_width=1024, text_width=768, projection_width=768
    ),
    "align-base": lambda: built(
        "dual_projection",
        vision_width=640,
        text_width=768,
        projection_width=640,
        project_vision=False,
        bias=True,
        logarithmic=False,
    ),
    "visualbert-vqa-coco-pre": lambda: built("region_features", vision_width=2048, text_width=768),
    "visualbert-nlvr2": lambda: built("region_features", vision_width=1024, text_width=768),
    "blip2-opt-2.7b": lambda: built("q_former", vision_width=1408, text_width=2560),
    "blip2-opt-6.7b": lambda: built("q_former", vision_width=1408, text_width=4096),
    "blip2-flan-t5-xl": lambda: built("q_former", vision_width=1408, text_width=2048),
    "blip2-qformer-stage1": lambda: built("blip2_objectives", vision_width=1408),
    "instructblip-vicuna-7b": lambda: built(
        "q_former", vision_width=1408, text_width=4096, text_branch=True, vocab_size=30_523
    ),
    "idefics2-8b": lambda: built(
        "idefics2_connector", vision_width=1152, text_width=4096, hidden_width=14_336
    ),
    "idefics3-8b-llama3": lambda: shuffle_linear(1152, 4096, 2),
    "smolvlm-2.2b": lambda: shuffle_linear(1152, 2048, 3),
    "smolvlm-256m": lambda: shuffle_linear(768, 576, 4),
    "qwen-vl-7b": lambda: built(
        "cross_attention_resampler", vision_width=1664, text_width=4096, position_parameter=True
    ),
    "qwen2-vl-2b": lambda: merger(1280, 1536),
    "qwen2.5-vl-7b": lambda: merger(1280, 3584, norm="rms"),
    "qwen2.5-vl-72b": lambda: merger(1280, 8192, norm="rms"),
    "qwen3-vl-2b": lambda: built("deepstack_merger", vision_width=1024, text_width=2048),
    "qwen3-vl-8b": lambda: built("deepstack_merger", vision_width=1152, text_width=4096),
    "qwen3-vl-32b": lambda: built("deepstack_merger", vision_width=1152, text_width=5120),
    "internvl2-2b": lambda: internvl(1024, 2048),
    "internvl2.5-1b": lambda: internvl(1024, 896),
    "internvl2.5-26b": lambda: internvl(3200, 6144),
    "paligemma2-28b-224": lambda: built("linear", vision_width=1152, text_width=4608),
    "gemma3-4b": lambda: gemma(2560),
    "gemma3-27b": lambda: gemma(5376),
    "llama-3.2-11b-vision-instruct": lambda: llama_blocks(4096, 14_336, 8),
    "llama-3.2-90b-vision-instruct": lambda: llama_blocks(8192, 28_672, 20),
    "pixtral-12b": lambda: built("mlp", vision_width=1024, text_width=5120),
    "mistral-small-3.1-24b": lambda: built(
        "merging_projector", vision_width=1024, text_width=5120, columns=110, rows=110
    ),
    "deepseek-vl-1.3b": lambda: built("mlp", vision_width=1024, text_width=2048),
    "deepseek-vl-7b": lambda: built(
        "hybrid_mlp", vision_width=1024, high_res_width=1024, text_width=4096
    ),
    "llava-next-vicuna-7b": lambda: ImageNewline(text_width=4096),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_parameters_equal_the_checkpoint(name: str) -> None:
    with torch.device("meta"):
        assert num_params(CHECKPOINTS[name]()) == sum(PARTS[name].values())


RESAMPLED = {
    "idefics-9b": (4096, 11_008, 8),
    "idefics-80b": (8192, 22_016, 20),
}


@pytest.mark.parametrize("name", RESAMPLED)
def test_idefics_resampler_and_blocks(name: str) -> None:
    with torch.device("meta"):
        resampler = built(
            "perceiver",
            vision_width=1280,
            num_heads=16,
            head_dim=96,
            activation="relu",
            qk_norm="layer",
        )
        blocks = idefics_block(*RESAMPLED[name])
    assert num_params(resampler) == PARTS[name]["perceiver_resampler"]
    assert num_params(blocks) == PARTS[name]["gated_cross_attention"]


def test_openflamingo_9b_blocks() -> None:
    with torch.device("meta"):
        blocks = built(
            "gated_xattn_dense",
            text_width=4096,
            vision_width=1024,
            text_depth=8,
            every=1,
            project=False,
        )
    assert num_params(blocks) == PARTS["openflamingo-9b"]["gated_cross_attention"]


def test_blip2_stage_1_part_by_part() -> None:
    with torch.device("meta"):
        module = built("blip2_objectives", vision_width=1408)
    parts = PARTS["blip2-qformer-stage1"]
    layers = module.qformer.layers
    heads = (module.vision_project, module.text_project, module.matching_head)
    assert sum(num_params(layer.attention) for layer in layers) == parts["self_attention"]
    crossing = [layer.cross_attention for layer in layers if layer.cross_attention is not None]
    assert sum(map(num_params, crossing)) == parts["cross_attention"]
    assert [index for index, layer in enumerate(layers) if layer.cross_attention is not None] == [
        *range(0, 12, 2)
    ]
    assert sum(num_params(layer.query_branch) for layer in layers) == parts["query_ffn"]
    assert sum(num_params(layer.text_branch) for layer in layers) == parts["text_ffn"]
    assert num_params(module.caption_head) == parts["mlm_head_untied_part"]
    assert sum(map(num_params, heads)) + 1 == parts["itc_itm_heads"]
