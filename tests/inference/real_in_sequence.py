"""Real classes whose images stand in the language model's sequence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.inference.real import (
    Keys,
    Parts,
    Real,
    counted,
    counted_once,
    empty,
    generate,
    heads_of,
    num_params,
    on_meta,
    transformers,
)


def llava(length: int) -> Real:
    vision: Keys = {
        "model_type": "clip_vision_model",
        "hidden_size": 1024,
        "intermediate_size": 4096,
    }
    vision |= {"num_hidden_layers": 24, "num_attention_heads": 16}
    vision |= {"image_size": 336, "patch_size": 14, "projection_dim": 768}
    text: Keys = {"model_type": "llama", "vocab_size": 32_064, "hidden_size": 4096}
    text |= {"intermediate_size": 11_008, "num_hidden_layers": 32, "num_attention_heads": 32}
    config = transformers.LlavaConfig(vision_config=vision, text_config=text)
    model = on_meta(transformers.LlavaForConditionalGeneration, config)
    inner, pixels = model.model, empty(1, 3, 336, 336)
    both, _ = counted_once("llava", lambda: inner.get_image_features(pixels))
    fusion, _ = counted(lambda: inner.multi_modal_projector(empty(1, 576, 1024)))
    language = generate(inner.language_model, model.lm_head, length, 4096)
    cached = heads_of(language.cache)
    params = Parts(
        num_params(inner.vision_tower),
        num_params(inner.multi_modal_projector),
        num_params(inner.language_model, model.lm_head),
    )
    return Real(both - fusion, fusion, *language[:4], cached, 0, params)


def blip2_model(text: dict[str, Any]) -> Any:
    vision: Keys = {"hidden_size": 1408, "intermediate_size": 6144, "num_hidden_layers": 39}
    vision |= {"num_attention_heads": 16, "image_size": 224, "patch_size": 14}
    queries: Keys = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
    queries |= {"intermediate_size": 3072, "cross_attention_frequency": 2}
    queries |= {"encoder_hidden_size": 1408}
    config = transformers.Blip2Config(
        vision_config=vision, qformer_config=queries, text_config=text, num_query_tokens=32
    )
    return on_meta(transformers.Blip2ForConditionalGeneration, config)


def blip2_front(model: Any) -> tuple[int, int]:
    """Return the FLOPs of the encoder, and of Q-Former and projection."""
    vision, out = counted_once("eva", lambda: model.vision_model(empty(1, 3, 224, 224)))
    given = {"query_embeds": model.query_tokens, "encoder_hidden_states": out.last_hidden_state}
    queries, out = counted(lambda: model.qformer(**given))
    projection, _ = counted(lambda: model.language_projection(out.last_hidden_state))
    return vision, queries + projection


def blip2_params(model: Any, num_more: int = 0) -> Parts:
    queries = model.query_tokens.numel()
    return Parts(
        num_params(model.vision_model),
        num_params(model.qformer, model.language_projection) + queries,
        num_params(model.language_model) + num_more,
    )


def blip2_opt(length: int) -> Real:
    text: Keys = {"model_type": "opt", "vocab_size": 50_304, "hidden_size": 2560, "ffn_dim": 10_240}
    text |= {"num_hidden_layers": 32, "num_attention_heads": 32, "word_embed_proj_dim": 2560}
    model = blip2_model(text)

    def mask(new: int) -> Tensor:  # of four axes: it is taken as it is
        return torch.zeros(1, 1, new, length + (new == 1), device="meta")

    opt = model.language_model
    language = generate(opt.model, opt.lm_head, length, 2560, attention_mask=mask)
    cached = heads_of(language.cache)
    return Real(*blip2_front(model), *language[:4], cached, 0, blip2_params(model))


def blip2_t5(length: int) -> Real:
    text: Keys = {
        "model_type": "t5",
        "vocab_size": 32_128,
        "d_model": 2048,
        "d_kv": 64,
        "d_ff": 5120,
    }
    text |= {"num_layers": 24, "num_decoder_layers": 24, "num_heads": 32}
    text |= {"feed_forward_proj": "gated-gelu"}
    model = blip2_model(text)
    t5 = model.language_model

    def target(source: Any, cache: Any) -> Any:
        options = {"encoder_hidden_states": source.last_hidden_state, "past_key_values": cache}
        return t5.decoder(inputs_embeds=empty(1, 1, 2048), use_cache=True, **options)

    encoder, source = counted(lambda: t5.encoder(inputs_embeds=empty(1, length, 2048)))
    first, out = counted(lambda: target(source, None))
    head, _ = counted(lambda: t5.lm_head(out.last_hidden_state))
    step, out = counted(lambda: target(source, out.past_key_values))
    cache = out.past_key_values
    cached = heads_of(cache.self_attention_cache), heads_of(cache.cross_attention_cache)
    # transformers 5 ties the head of every T5; that of Flan-T5 is a matrix of its own.
    params = blip2_params(model, 32_128 * 2048)
    return Real(*blip2_front(model), encoder + first, head, head, step, *cached, params)


def qwen25(length: int) -> Real:
    vision: Keys = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16}
    vision |= {"out_hidden_size": 3584, "fullatt_block_indexes": [7, 15, 23, 31]}
    text: Keys = {"vocab_size": 152_064, "hidden_size": 3584, "intermediate_size": 18_944}
    text |= {"num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4}
    config = transformers.Qwen2_5_VLConfig(vision_config=vision, text_config=text)
    model = on_meta(transformers.Qwen2_5_VLForConditionalGeneration, config)
    visual, decoder = model.model.visual, model.model.language_model
    patches = empty(54 * 34, 3 * 2 * 14**2)
    both, out = counted_once("qwen2.5", lambda: visual(patches, **qwen25_grid(34, 54)))
    fusion, _ = counted(lambda: visual.merger(out.last_hidden_state))
    language = generate(
        decoder,
        model.lm_head,
        length,
        3584,
        position_ids=lambda new: torch.zeros(3, 1, new, dtype=torch.long, device="meta"),
    )
    cached = heads_of(language.cache)
    params = Parts(
        num_params(visual) - num_params(visual.merger),
        num_params(visual.merger),
        num_params(decoder, model.lm_head),
    )
    return Real(both - fusion, fusion, *language[:4], cached, 0, params)


def qwen25_grid(rows: int, columns: int) -> dict[str, Any]:
    """Return where the patches are; on meta the class cannot work it out itself."""
    from transformers.vision_utils import get_vision_window_index

    grid = torch.tensor([[1, rows, columns]])
    order, windows = get_vision_window_index(grid, 2, 112, 14)
    positions = torch.zeros(rows * columns, 2, dtype=torch.long, device="meta")
    found = {"window_index": order.to("meta"), "cu_window_seqlens": windows}
    return {"grid_thw": grid, "position_ids": positions, **found}
