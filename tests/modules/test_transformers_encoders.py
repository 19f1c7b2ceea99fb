"""Q-Formers, VisualBERT, visual vocabularies, CLIP: transformers' weights, outputs within 1e-5."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers.models.chameleon import (  # noqa: E402
    configuration_chameleon,
    modeling_chameleon,
)
from transformers.models.ovis2 import modeling_ovis2  # noqa: E402

from vlcalc.modules.early import VectorQuantizer  # noqa: E402
from vlcalc.modules.late import contrastive_loss  # noqa: E402

from .helpers import assert_same, built, load, randomise  # noqa: E402
from .reference import TEXT, TOWER, VISION, clip_vision  # noqa: E402

pytestmark = [pytest.mark.oracle, pytest.mark.usefixtures("no_grad")]

QFORMER = {
    "encoder.layer.": "layers.",
    "crossattention.attention.query": "cross_attention.attention.query",
    "crossattention.attention.key": "cross_attention.attention.key",
    "crossattention.attention.value": "cross_attention.attention.value",
    "crossattention.output.dense": "cross_attention.attention.output",
    "crossattention.output.LayerNorm": "cross_attention.norm",
    "attention.output.dense": "attention.attention.output",
    "attention.output.LayerNorm": "attention.norm",
    "intermediate_query.dense": "query_branch.feed_forward.up",
    "output_query.dense": "query_branch.feed_forward.down",
    "output_query.LayerNorm": "query_branch.norm",
    ".intermediate.dense": ".text_branch.feed_forward.up",
    ".output.dense": ".text_branch.feed_forward.down",
    ".output.LayerNorm": ".text_branch.norm",
    "embeddings.word_embeddings": "text_embedding.words",
    "embeddings.position_embeddings": "text_embedding.positions",
    "embeddings.layernorm": "norm",
    "layernorm": "norm",
}
VISUALBERT = {
    "embeddings.visual_projection": "regions.project",
    "embeddings.visual_token_type_embeddings": "regions.segments",
    "embeddings.visual_position_embeddings": "regions.positions",
    "embeddings.word_embeddings": "words",
    "embeddings.position_embeddings": "positions",
    "embeddings.token_type_embeddings": "segments",
    "embeddings.LayerNorm": "norm",
    "encoder.layer.": "layers.",
    "attention.self.": "attention.",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "feed_forward.up",
    "output.dense": "feed_forward.down",
    "output.LayerNorm": "feed_forward_norm",
    "pooler.dense": "pooler",
}
BERT: dict[str, Any] = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "vocab_size": 50,
    "max_position_embeddings": 20,
}
OURS: dict[str, Any] = {
    "vision_width": VISION,
    "depth": 3,
    "num_heads": 4,
    "hidden_width": 96,
    "vocab_size": 50,
    "max_positions": 20,
}


def small_qformer(theirs: Any, **options: Any) -> Any:
    """Return ours with their weights; the queries, which they are handed, are our own."""
    ours = built("q_former", width=48, num_queries=6, **OURS, **options)
    theirs.queries = torch.nn.ParameterDict({"weight": ours.queries.weight})
    load(ours, theirs, QFORMER)
    return ours


def test_blip2_qformer() -> None:
    config = transformers.Blip2QFormerConfig(
        **BERT, encoder_hidden_size=VISION, use_qformer_text_input=False
    )
    theirs = randomise(transformers.Blip2QFormerModel(config))
    ours = small_qformer(theirs)
    x = torch.randn(2, 17, VISION)
    expected = theirs(query_embeds=ours.queries(2), encoder_hidden_states=x).last_hidden_state
    assert_same(ours(x), expected)


def test_instructblip_qformer() -> None:
    config = transformers.InstructBlipQFormerConfig(**BERT, encoder_hidden_size=VISION)
    theirs = randomise(transformers.InstructBlipQFormerModel(config))
    ours = small_qformer(theirs, text_branch=True)
    x, ids = torch.randn(2, 17, VISION), torch.randint(50, (2, 9))
    padding = torch.ones(2, 15, dtype=torch.long)
    padding[1, 12:] = 0
    expected = theirs(
        input_ids=ids,
        attention_mask=padding,
        query_embeds=ours.queries(2),
        encoder_hidden_states=x,
    ).last_hidden_state
    mask = padding[:, None, None].bool()
    assert_same(ours.encode(x, ids, mask), expected)
    assert_same(ours(x, ids, mask), expected[:, :6])


def test_visualbert() -> None:
    config = transformers.VisualBertConfig(**BERT, visual_embedding_dim=VISION)
    theirs = randomise(transformers.VisualBertModel(config))
    ours = built("single_stream", text_width=48, **OURS)
    load(ours, theirs, VISUALBERT)
    ids, regions = torch.randint(50, (2, 9)), torch.randn(2, 5, VISION)
    expected = theirs(
        input_ids=ids,
        attention_mask=torch.ones(2, 9),
        visual_embeds=regions,
        visual_attention_mask=torch.ones(2, 5),
    )
    hidden, pooled = ours(ids, regions)
    assert_same(hidden, expected.last_hidden_state)
    assert_same(pooled, expected.pooler_output)


def test_chameleon_quantiser() -> None:
    config = configuration_chameleon.ChameleonVQVAEConfig(
        embed_dim=8, num_embeddings=40, latent_channels=8
    )
    theirs = randomise(modeling_chameleon.ChameleonVQVAEVectorQuantizer(config))
    ours = VectorQuantizer(num_codes=40, code_width=8)
    load(ours, theirs, {"embedding.weight": "codes"})
    grid = torch.randn(1, 8, 6, 6)
    assert torch.equal(ours(grid.flatten(2).transpose(1, 2))[0], theirs(grid)[2])


def test_ovis_head_and_table() -> None:
    config = transformers.Ovis2VisionConfig(
        hidden_size=VISION,
        **TOWER,
        image_size=28,
        patch_size=7,
        vocab_size=60,
        num_visual_indicator_tokens=4,
        hidden_stride=2,
        tokenize_function="softmax",
    )
    theirs = randomise(modeling_ovis2.Ovis2VisionModel(config))
    table = randomise(modeling_ovis2.Ovis2VisualEmbeddingTable(60, TEXT))
    ours = built("visual_embedding_table", vision_width=VISION, text_width=TEXT, num_codes=60)
    ours.head.load_state_dict(theirs.head_linear.state_dict())
    ours.head_norm.load_state_dict(theirs.head_norm.state_dict())
    ours.table.copy_(table.weight)
    pixels = torch.randn(1, 3, 28, 28)
    features = theirs.transformer(pixels).last_hidden_state
    shares = theirs(pixels).pooler_output
    assert_same(ours(features), table(torch.nn.functional.pad(shares, (0, 4))))


def test_clip_projections_and_loss() -> None:
    text_tower = {
        "hidden_size": TEXT,
        **TOWER,
        "vocab_size": 50,
        "max_position_embeddings": 10,
        "bos_token_id": 48,
        "eos_token_id": 49,
    }
    config = transformers.CLIPConfig(
        vision_config=clip_vision(image_size=16, patch_size=8).to_dict(),
        text_config=text_tower,
        projection_dim=24,
    )
    theirs = transformers.CLIPModel(config).eval()
    ours = built("dual_projection", vision_width=VISION, text_width=TEXT, projection_width=24)
    assert ours.vision_project is not None
    ours.vision_project.load_state_dict(theirs.visual_projection.state_dict())
    ours.text_project.load_state_dict(theirs.text_projection.state_dict())
    ours.head.temperature.parameter.copy_(theirs.logit_scale)
    ids, pixels = torch.randint(48, (5, 10)), torch.randn(5, 3, 16, 16)
    ids[:, -1] = 49
    out = theirs(input_ids=ids, pixel_values=pixels, return_loss=True)
    visual = theirs.vision_model(pixels).pooler_output
    text = theirs.text_model(ids).pooler_output
    assert_same(ours(visual, text), out.logits_per_image)
    assert_same(ours.loss(visual, text), out.loss)
    assert_same(contrastive_loss(out.logits_per_text), out.loss)
