"""Weights in fewer bits, and what inference keeps in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.inference.inference import Inference, infer
from vlcalc.inference.load import Load
from vlcalc.inference.memory import inserted_linears, language_linears
from vlcalc.inference.quantisation import QUANTISATIONS, Quantisation, parse_quantisation
from vlcalc.inference.tree import tree
from vlcalc.spec.loader import load_spec
from vlcalc.spec.parts import load_language
from vlcalc.spec.schema import ModelSpec

SQUARE = ImageSize(336, 336)
DECODERS = ["vicuna-7b-v1.5", "qwen2.5-vl-7b-text", "opt-2.7b", "gemma-3-4b", "deepseekmoe-27b",
            "mixtral-8x7b", "llama-4-scout-17b-16e"]  # fmt: skip
MODELS = ["llava-1.5-7b", "llama-3.2-11b-vision-instruct", "idefics-9b", "deepseek-vl-7b",
          "qwen3-vl-30b-a3b", "blip2-flan-t5-xl", "flamingo-3b", "fuyu-8b"]  # fmt: skip


def inference(name: str, load: Load) -> Inference:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    return infer(spec, load, traced=False)


@pytest.mark.parametrize("name", DECODERS)
def test_linear_weights_are_those_of_the_module(name: str) -> None:
    decoder = load_language(name).decoder
    assert decoder is not None
    for index in {0, decoder.depth - 1}:
        layer = decoder.build_layer("meta", index=index)
        linears = [
            each.weight.numel()
            for path, each in layer.named_modules()
            if isinstance(each, nn.Linear) and not path.endswith(("router.scores", "shared_gate"))
        ]
        stacked = [p.numel() for path, p in layer.named_parameters() if p.ndim == 3]
        ours = decoder.layer_linears(index)
        assert sum(rows * columns for rows, columns in ours) == sum(linears) + sum(stacked)


@pytest.mark.parametrize("name", ["llama-3.2-11b-vision-instruct", "idefics-9b"])
def test_linear_weights_of_inserted_layers_are_those_of_the_module(name: str) -> None:
    plan = inference(name, Load(image=SQUARE)).plan
    assert plan.inserted is not None
    dims = plan.inserted_dims
    assert dims is not None
    with torch.device("meta"):
        layer = plan.inserted.build_layer(dims)
    shapes = sorted(
        tuple(each.weight.shape) for each in layer.modules() if isinstance(each, nn.Linear)
    )
    assert sorted(plan.inserted.layer_linears(dims)) == shapes
    assert len(inserted_linears(plan)) == len(shapes) * len(plan.inserted.layer_positions(dims))


def test_awq_weights_are_as_large_as_the_released_file() -> None:
    """TheBloke/Llama-2-7B-AWQ prints 3.89 GB: 4 bits in groups of 128, the rest in 16 bits."""
    decoder = load_language("llama-2-7b").decoder
    assert decoder is not None
    linears = decoder.layer_linears(0) * decoder.depth
    quantised = sum(QUANTISATIONS["int4"].linear_bytes(*shape) for shape in linears)
    plain = 2 * (decoder.num_params() - sum(rows * columns for rows, columns in linears))
    assert round((quantised + plain) / 1e9, 2) == 3.89


@pytest.mark.parametrize(
    ("name", "bits"),
    [("nf4", 4.5), ("nf4-double", 4.127), ("int4", 4 + 20 / 128)],
)
def test_bits_of_a_weight_are_those_of_the_papers(name: str, bits: float) -> None:
    """Constants of NF4 take 0.5 bits a weight, 0.127 doubly quantised (arXiv:2305.14314)."""
    rows, columns = 4096, 11_264
    assert QUANTISATIONS[name].linear_bytes(rows, columns) * 8 / (rows * columns) == pytest.approx(
        bits, abs=5e-4
    )


def test_scales_of_8_bits_are_one_a_row_or_one_a_matrix() -> None:
    assert QUANTISATIONS["int8"].linear_bytes(10, 7) == 70 + 40
    assert QUANTISATIONS["float8"].linear_bytes(10, 7) == 70 + 4
    assert Quantisation("odd", 4, 0, 0).linear_bytes(1, 3) == 2  # bits are filled up to bytes


def test_groups_that_do_not_divide_a_width_are_refused() -> None:
    with pytest.raises(InputError, match="widths that groups of 128 divide, for `int4`"):
        QUANTISATIONS["int4"].linear_bytes(10, 100)
    with pytest.raises(InputError, match="a quantisation"):
        parse_quantisation("q4_k_m")
    assert parse_quantisation("none") is None


@pytest.mark.oracle
def test_linear_weights_of_an_encoder_decoder_are_those_of_the_real_class() -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    shape = load_language("flan-t5-xl").encoder_decoder
    assert shape is not None
    config = T5Config(
        d_model=2048, d_kv=64, d_ff=5120, num_layers=24, num_heads=32,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False,
    )  # fmt: skip
    with torch.device("meta"):
        real = T5ForConditionalGeneration(config)
    for name, stack in shape.stacks.items():
        linears = [
            tuple(each.weight.shape)
            for each in real.get_submodule(name).modules()
            if isinstance(each, nn.Linear)
        ]
        assert sorted(stack.linears) == sorted(linears)


@pytest.mark.parametrize("quant", ["int8", "int4"])
def test_an_encoder_decoder_is_quantised(quant: str) -> None:
    load = Load(image=SQUARE, quantisation=QUANTISATIONS[quant], output_tokens=2)
    found = inference("blip2-flan-t5-xl", load)
    plain = inference("blip2-flan-t5-xl", Load(image=SQUARE, output_tokens=2))
    linears = language_linears(found.plan)
    # 24 layers of 4 and 3 matrices, 24 of 8 and 3; each attention is 2048 x 2048 four times.
    assert len(linears) == 24 * 7 + 24 * 11
    assert sum(rows * columns for rows, columns in linears) == 24 * (
        12 * 2048 * 2048 + 6 * 2048 * 5120
    )
    saved = sum(2 * rows * columns - QUANTISATIONS[quant].linear_bytes(rows, columns)
                for rows, columns in linears)  # fmt: skip
    assert plain.weights.language is not None
    assert found.weights.language == plain.weights.language - saved
    parts = {part.path: part.weight_bytes or 0 for part in tree(found) if part.level == 2}
    language = [size for path, size in parts.items() if path.startswith("language.")]
    assert sum(language) == found.weights.language


def test_a_quantised_encoder_decoder_reads_fewer_bytes_and_no_less_of_them() -> None:
    """A decoded token reads the decoder's weights but for those that make the source's keys."""
    plain = Load(image=SQUARE, output_tokens=2)
    spec = load_spec("blip2-flan-t5-xl")
    assert isinstance(spec, ModelSpec)
    whole = infer(spec, plain).phase("decode").moved_bytes
    packed = replace(plain, quantisation=QUANTISATIONS["int8"])
    read = infer(spec, packed).phase("decode").moved_bytes
    assert whole is not None
    assert read is not None
    rows = 24 * (6 * 2048 + 2 * 5120 + 2048)  # outputs of the matrices that are read
    values = 24 * (6 * 2048 * 2048 + 3 * 2048 * 5120)
    assert whole - read == values - 4 * rows  # a byte less each, and a scale of each output


def test_a_quantisation_needs_a_language_model_whose_shape_is_known() -> None:
    load = Load(image=SQUARE, quantisation=QUANTISATIONS["int4"], output_tokens=2)
    with pytest.raises(InputError, match="a language model whose shape is known"):
        inference("deepseek-ocr2", load)


@pytest.mark.parametrize("quant", [None, "int8", "int4"])
def test_quantised_weights_replace_linear_weights_and_nothing_else(quant: str | None) -> None:
    chosen = QUANTISATIONS[quant] if quant else None
    found = inference("llava-1.5-7b", Load(image=SQUARE, quantisation=chosen))
    linears = language_linears(found.plan)
    kept = 2 * (7_063_427_072 - sum(rows * columns for rows, columns in linears))
    expected = kept + sum(chosen.linear_bytes(*shape) for shape in linears) if chosen else kept
    assert found.weights.total == expected
    assert len(linears) == (32 * 7 if chosen else 0)


@pytest.mark.parametrize("name", MODELS)
def test_parts_sum_to_their_component(name: str) -> None:
    load = Load(image=SQUARE, output_tokens=2, quantisation=None)
    parts = list(tree(inference(name, load)))
    whole = parts[0]
    below = {level: [each for each in parts if each.level == level] for level in range(4)}
    assert sum(each.params or 0 for each in below[1]) == whole.params
    assert sum(each.weight_bytes or 0 for each in below[1]) == whole.weight_bytes
    for parent in (*below[1], *below[2]):
        children = [
            each
            for each in parts
            if each.level == parent.level + 1 and each.path.startswith(f"{parent.path}.")
        ]
        if children:
            assert sum(each.params or 0 for each in children) == parent.params
            assert sum(each.weight_bytes or 0 for each in children) == parent.weight_bytes


def test_batch_output_and_dtype_scale_the_cache() -> None:
    base = inference("llava-1.5-7b", Load(image=SQUARE, output_tokens=1)).cache
    twice = inference("llava-1.5-7b", Load(image=SQUARE, output_tokens=1, batch_size=2)).cache
    narrow = inference("llava-1.5-7b", Load(image=SQUARE, output_tokens=1, kv_dtype="float8")).cache
    longer = inference("llava-1.5-7b", Load(image=SQUARE, output_tokens=11)).cache
    assert base is not None
    assert twice is not None
    assert narrow is not None
    assert longer is not None
    assert base.total == 626 * 32 * 2 * 4096 * 2  # the last token of an answer is not cached
    assert twice.total == 2 * base.total == 4 * narrow.total
    assert longer.total - base.total == 10 * 32 * 2 * 4096 * 2


@pytest.mark.parametrize(
    "fields",
    [{"num_images": -1}, {"batch_size": 0}, {"output_tokens": 0}, {"text_tokens": -1},
     {"batch_size": 1.5}, {"num_images": 10**9}],
)  # fmt: skip
def test_numbers_out_of_bounds_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"expected [0-9,]+ to [0-9,]+ "):
        Load(image=SQUARE, **fields)  # type: ignore[arg-type]
