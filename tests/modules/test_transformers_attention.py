"""Resamplers and cross-attention layers: transformers' weights in ours, outputs within 1e-5."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers.models.deformable_detr import modeling_deformable_detr  # noqa: E402
from transformers.models.idefics import modeling_idefics, perceiver  # noqa: E402
from transformers.models.idefics2 import modeling_idefics2  # noqa: E402
from transformers.models.mllama import configuration_mllama, modeling_mllama  # noqa: E402

from vlcalc.modules.abstractor import DeformableLayer  # noqa: E402

from .helpers import assert_same, built, built_layer, load, randomise  # noqa: E402
from .reference import TEXT, VISION  # noqa: E402

pytestmark = [pytest.mark.oracle, pytest.mark.usefixtures("no_grad")]

PERCEIVER = {
    "context_layer_norm": "context_norm",
    "latents_layer_norm": "latent_norm",
    "latents": "latents.weight",
    "0.q_layer_norm": "0.attention.query_norm",
    "0.k_layer_norm": "0.attention.key_norm",
    "layer_norm": "norm",
    "output_proj": "attention.output",
    "q_proj": "attention.query",
    "k_proj": "attention.key",
    "v_proj": "attention.value",
    ".ln": ".feed_forward_norm",
    ".fc": ".feed_forward.up",
    ".c_proj": ".feed_forward.down",
    "blocks.0.0.": "layers.0.",
    "blocks.0.1.": "layers.0.",
    "blocks.1.0.": "layers.1.",
    "blocks.1.1.": "layers.1.",
}
GATED = {
    "cross_attn.q_layer_norm": "attention.query_norm",
    "cross_attn.k_layer_norm": "attention.key_norm",
    "cross_attn.q_norm": "attention.query_norm",
    "cross_attn.k_norm": "attention.key_norm",
    "cross_attn.q_proj": "attention.query",
    "cross_attn.k_proj": "attention.key",
    "cross_attn.v_proj": "attention.value",
    "cross_attn.o_proj": "attention.output",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "feed_forward_norm",
    "mlp.gate_proj": "feed_forward.gate",
    "mlp.up_proj": "feed_forward.up",
    "mlp.down_proj": "feed_forward.down",
    "cross_attn_attn_gate": "attention_gate.alpha",
    "cross_attn_mlp_gate": "feed_forward_gate.alpha",
    "alpha_cross_attn": "attention_gate.alpha",
    "alpha_dense": "feed_forward_gate.alpha",
}
PERCEIVER_2 = {
    "perceiver_resampler.": "resampler.",
    "resampler.latents": "resampler.latents.weight",
    "input_latents_norm": "latent_norm",
    "input_context_norm": "context_norm",
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.o_proj": "attention.output",
    "post_attention_layernorm": "feed_forward_norm",
    "mlp.gate_proj": "feed_forward.gate",
    "mlp.up_proj": "feed_forward.up",
    "mlp.down_proj": "feed_forward.down",
    "modality_projection.gate_proj": "project.gate",
    "modality_projection.up_proj": "project.up",
    "modality_projection.down_proj": "project.down",
}
DEFORMABLE = {
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.o_proj": "attention.output",
    "self_attn_layer_norm": "attention_norm",
    "encoder_attn_layer_norm": "cross_attention_norm",
    "encoder_attn.sampling_offsets": "cross_attention.offsets",
    "encoder_attn.attention_weights": "cross_attention.weights",
    "encoder_attn.value_proj": "cross_attention.value",
    "encoder_attn.output_proj": "cross_attention.output",
    "mlp.fc1": "feed_forward.up",
    "mlp.fc2": "feed_forward.down",
    "final_layer_norm": "feed_forward_norm",
}
SWIGLU_BLOCK: dict[str, Any] = {
    "text_width": 64,
    "num_heads": 4,
    "head_dim": 16,
    "hidden_width": 96,
    "activation": "silu",
    "gated": True,
    "norm": "rms",
    "qk_norm": "rms",
}


def idefics_config() -> Any:
    return transformers.IdeficsConfig(
        hidden_size=64,
        intermediate_size=96,
        num_attention_heads=4,
        qk_layer_norms=True,
        vision_config={"embed_dim": VISION},
        perceiver_config={"qk_layer_norms_perceiver": True},
    )


def half_hidden(hidden_row: tuple[int, int]) -> tuple[Any, Any]:
    """Return a random mask in which one text token sees no image, also in its additive form."""
    mask = torch.rand(2, 1, 7, 10) < 0.5
    mask[hidden_row[0], :, hidden_row[1]] = False
    additive = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
    return mask, additive


def test_idefics_perceiver() -> None:
    theirs = randomise(
        perceiver.IdeficsPerceiverResampler(
            idefics_config(), VISION, depth=2, n_heads=3, head_dim=8, n_latents=5
        )
    )
    ours = built(
        "perceiver",
        vision_width=VISION,
        depth=2,
        num_heads=3,
        head_dim=8,
        num_latents=5,
        activation="relu",
        qk_norm="layer",
    )
    load(ours, theirs, PERCEIVER)
    x = torch.randn(2, 11, VISION)
    assert_same(ours(x), theirs(x))


def test_idefics_gated_layer() -> None:
    config = idefics_config()
    theirs = randomise(modeling_idefics.IdeficsGatedCrossAttentionLayer(config, layer_idx=0))
    ours = built_layer(
        "gated_xattn_dense", vision_width=VISION, eps=config.rms_norm_eps, **SWIGLU_BLOCK
    )
    load(ours, theirs, GATED)
    text, visual = torch.randn(2, 7, 64), torch.randn(2, 10, VISION)
    mask, additive = half_hidden((0, 2))
    expected = theirs(
        text,
        image_hidden_states=visual,
        image_attention_mask=additive,
        cross_attention_gate=mask.any(-1)[:, 0].float(),
    )
    assert_same(ours(text, visual, mask), expected)


def test_mllama_cross_attention_layer() -> None:
    config = configuration_mllama.MllamaTextConfig(
        hidden_size=64,
        intermediate_size=96,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_hidden_layers=1,
        cross_attention_layers=[0],
        attn_implementation="eager",
    )
    theirs = randomise(modeling_mllama.MllamaCrossAttentionDecoderLayer(config, layer_idx=0))
    ours = built_layer(
        "gated_xattn_dense",
        vision_width=64,
        num_kv_heads=2,
        silence="feed_forward",
        eps=config.rms_norm_eps,
        **SWIGLU_BLOCK,
    )
    load(ours, theirs, GATED)
    text, visual = torch.randn(2, 7, 64), torch.randn(2, 10, 64)
    mask, additive = half_hidden((1, 3))
    sees = mask.any(-1, keepdim=True)
    expected = theirs(text, visual, additive * sees, None, sees.float())
    assert_same(ours(text, visual, mask), expected)


def test_idefics2_connector() -> None:
    config = transformers.Idefics2Config(
        vision_config={"hidden_size": VISION},
        text_config=transformers.MistralConfig(hidden_size=TEXT, intermediate_size=80).to_dict(),
        perceiver_config={
            "hidden_size": TEXT,
            "resampler_n_latents": 6,
            "resampler_depth": 2,
            "resampler_n_heads": 4,
            "resampler_head_dim": 8,
            "num_key_value_heads": 2,
        },
    )
    theirs = randomise(modeling_idefics2.Idefics2Connector(config))
    ours = built(
        "idefics2_connector",
        vision_width=VISION,
        text_width=TEXT,
        hidden_width=80,
        depth=2,
        num_heads=4,
        head_dim=8,
        num_kv_heads=2,
        num_latents=6,
        eps=config.perceiver_config.rms_norm_eps,
    )
    load(ours, theirs, PERCEIVER_2)
    x = torch.randn(2, 13, VISION)
    assert_same(ours(x), theirs(x, torch.ones(2, 13, dtype=torch.long)))


def test_deformable_layer_of_the_d_abstractor() -> None:
    config = transformers.DeformableDetrConfig(
        d_model=VISION,
        decoder_attention_heads=4,
        decoder_ffn_dim=40,
        num_feature_levels=1,
        backbone_config=transformers.ResNetConfig(),
    )
    theirs = randomise(modeling_deformable_detr.DeformableDetrDecoderLayer(config))
    ours = DeformableLayer(width=VISION, num_heads=4, num_points=4, hidden_width=40)
    load(ours, theirs, DEFORMABLE)
    x, positions = torch.randn(2, 9, VISION), torch.randn(2, 9, VISION)
    features, points = torch.randn(2, 36, VISION), torch.rand(2, 9, 2)
    expected = theirs(
        x,
        object_queries_position_embeddings=positions,
        reference_points=points[:, :, None],
        spatial_shapes=torch.tensor([[6, 6]]),
        spatial_shapes_list=[(6, 6)],
        level_start_index=torch.tensor([0]),
        encoder_hidden_states=features,
    )
    assert_same(ours(x, positions, points, features, 6), expected)
