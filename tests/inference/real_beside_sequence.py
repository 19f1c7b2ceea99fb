"""Real classes whose images are cross-attended, or meet the text behind its tower."""

from __future__ import annotations

from typing import Any

import torch

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


def clip(length: int) -> Real:
    """Return what is counted of two towers; nothing follows on the text one."""
    vision: Keys = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24}
    vision |= {"num_attention_heads": 16, "image_size": 336, "patch_size": 14}
    text: Keys = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12}
    text |= {"num_attention_heads": 12, "vocab_size": 49_408}
    config = transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=768)
    model = on_meta(transformers.CLIPModel, config)
    pixels, ids = empty(1, 3, 336, 336), torch.zeros(1, length, dtype=torch.long, device="meta")
    image, _ = counted_once("clip", lambda: model.vision_model(pixels))
    prompt, _ = counted(lambda: model.text_model(ids))
    both, _ = counted(lambda: model(input_ids=ids, pixel_values=pixels))
    towers = num_params(model.vision_model), num_params(model.text_model)
    params = Parts(towers[0], num_params(model) - sum(towers), towers[1])
    return Real(image, both - image - prompt, prompt, 0, 0, 0, 0, 0, params)


def blip(length: int) -> Real:
    vision: Keys = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12}
    vision |= {"num_attention_heads": 12, "image_size": 384, "patch_size": 16}
    text: Keys = {"hidden_size": 768, "encoder_hidden_size": 768, "intermediate_size": 3072}
    text |= {"num_hidden_layers": 12, "num_attention_heads": 8, "vocab_size": 30_524}
    config = transformers.BlipConfig(vision_config=vision, text_config=text)
    model = on_meta(transformers.BlipForConditionalGeneration, config)
    decoder = model.text_decoder
    image, out = counted_once("blip", lambda: model.vision_model(empty(1, 3, 384, 384)))

    def run(new: int, cache: Any) -> Any:
        ids = torch.zeros(1, new, dtype=torch.long, device="meta")
        options = {"encoder_hidden_states": out.last_hidden_state, "past_key_values": cache}
        return decoder.bert(ids, is_decoder=True, use_cache=True, **options)

    layers, prompt = counted(lambda: run(length, None))
    all_logits, _ = counted(lambda: decoder.cls(prompt.last_hidden_state))
    last_logits, _ = counted(lambda: decoder.cls(prompt.last_hidden_state[:, -1:]))
    step, after = counted(lambda: run(1, prompt.past_key_values))
    cache = after.past_key_values
    cached = heads_of(cache.self_attention_cache), heads_of(cache.cross_attention_cache)
    crossed = [layer.crossattention for layer in decoder.bert.encoder.layer]
    bridge = num_params(*crossed)
    params = Parts(num_params(model.vision_model), bridge, num_params(decoder) - bridge)
    return Real(image, 0, layers, all_logits, last_logits, step, *cached, params)


def idefics(length: int) -> Real:
    vision: Keys = {
        "embed_dim": 1280,
        "image_size": 224,
        "intermediate_size": 5120,
        "patch_size": 14,
    }
    vision |= {"num_hidden_layers": 32, "num_attention_heads": 16, "hidden_act": "gelu"}
    latents: Keys = {"resampler_n_latents": 64, "resampler_depth": 6, "resampler_n_heads": 16}
    latents |= {"resampler_head_dim": 96, "qk_layer_norms_perceiver": True}
    text: Keys = {"vocab_size": 32_000, "additional_vocab_size": 2, "hidden_size": 4096}
    text |= {"intermediate_size": 11_008, "num_hidden_layers": 32, "num_attention_heads": 32}
    text |= {"use_resampler": True, "cross_layer_interval": 4, "qk_layer_norms": True}
    config = transformers.IdeficsConfig(vision_config=vision, perceiver_config=latents, **text)
    model = on_meta(transformers.IdeficsForVisionText2Text, config)
    inner = model.model
    encoded, out = counted_once("idefics", lambda: inner.vision_model(empty(1, 3, 224, 224)))
    fused, _ = counted(lambda: inner.perceiver_resampler(out.last_hidden_state))
    language = generate(
        inner,
        model.lm_head,
        length,
        4096,
        perceiver_embeddings=lambda _new: empty(1, 1, 64, 1280),
        image_attention_mask=lambda new: torch.ones(1, new, 1, device="meta"),
        attention_mask=lambda new: torch.zeros(1, 1, new, length + (new == 1), device="meta"),
    )
    fusion = num_params(inner.perceiver_resampler, inner.gated_cross_attn_layers)
    own = num_params(inner.layers, inner.norm, inner.embed_tokens, model.lm_head)
    fusion, own = fusion + 4 * 4096, own - 4 * 4096  # rows of two image tokens, in both tables
    params = Parts(num_params(inner.vision_model), fusion, own)
    return Real(encoded, fused, *language[:4], heads_of(language.cache), 0, params)


def mllama(length: int, *, large: bool = False) -> Real:
    """Return what is counted of the 11B or the 90B model, on four tiles of 560 x 560 pixels."""
    inserted = list(range(3, 100 if large else 40, 5))
    width, heads, ffn_width = (8192, 64, 28_672) if large else (4096, 32, 14_336)
    text: Keys = {"vocab_size": 128_256, "hidden_size": width, "intermediate_size": ffn_width}
    text |= {"num_hidden_layers": 100 if large else 40, "num_attention_heads": heads}
    text |= {"num_key_value_heads": 8, "cross_attention_layers": inserted}
    vision: Keys = {"hidden_size": 1280, "intermediate_size": 5120, "attention_heads": 16}
    vision |= {"num_hidden_layers": 32, "num_global_layers": 8, "vision_output_dim": 7680}
    vision |= {"image_size": 560, "patch_size": 14, "max_num_tiles": 4}
    vision |= {"intermediate_layers_indices": [3, 7, 15, 23, 30]}
    config = transformers.MllamaConfig(vision_config=vision, text_config=text)
    model = on_meta(transformers.MllamaForConditionalGeneration, config)
    inner, ones = model.model, torch.ones(1, 1, 4, dtype=torch.long, device="meta")
    pixels = empty(1, 1, 4, 3, 560, 560)
    encoded, out = counted_once("mllama", lambda: inner.vision_model(pixels, ones[..., 0], ones))
    encoded -= 2 * (4 * 1608) ** 2  # it makes its mask as the product of a column and a row
    fusion, states = counted(lambda: inner.multi_modal_projector(out.last_hidden_state))
    states = states.reshape(1, -1, width)
    language = generate(
        inner.language_model,
        model.lm_head,
        length,
        width,
        cross_attention_states=lambda new: states if new > 1 else None,
        cross_attention_mask=lambda new: torch.zeros(1, 1, new, states.shape[1], device="meta"),
        full_text_row_masked_out_mask=lambda new: torch.ones(1, 1, new, 1, device="meta"),
    )
    cross = heads_of(language.cache, inserted)
    layers = [layer for at, layer in enumerate(inner.language_model.layers) if at in inserted]
    bridge = num_params(inner.multi_modal_projector, *layers)
    own = num_params(inner.language_model, model.lm_head) - num_params(*layers)
    params = Parts(num_params(inner.vision_model), bridge, own)
    cached = heads_of(language.cache) - cross
    return Real(encoded, fusion, *language[:4], cached, cross, params)
