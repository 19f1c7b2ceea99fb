"""Operators traced on meta: FLOPs against closed forms and both counters, bytes by hand."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tests.backbones.specs import DECODERS
from tests.backbones.vision_specs import ENCODERS
from tests.cost.presets import dims_of_preset, preset_names
from tests.modules.helpers import built
from vlcalc.core.errors import InputError
from vlcalc.cost.flops import count_flops, count_flops_with_torch
from vlcalc.cost.kinds import operator_kind
from vlcalc.cost.layouts import layout_of, run_bytes
from vlcalc.cost.memory import peak_memory
from vlcalc.cost.products import Product
from vlcalc.cost.trace import Operator, Trace, trace_operators
from vlcalc.spec.loader import load_fusion

LAYERS = [
    ("llama-2-7b", 0),
    ("llama-3.1-8b", 0),
    ("gemma-2-27b", 0),
    ("mixtral-8x7b", 0),
    ("deepseekmoe-3b", 1),
    ("moonlight-16b-a3b-128k", 1),
    ("deepseekmoe-27b", 1),
    ("opt-6.7b", 0),
]


class Run(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: Callable[..., Any], *modules: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*self.parts, *inputs)


def traced(module: nn.Module, *shapes: tuple[int, ...], **options: Any) -> Trace:
    inputs = tuple(torch.empty(shape, device="meta") for shape in shapes)
    return trace_operators(module, inputs, **options)


def only(trace: Trace) -> Operator:
    (operator,) = trace.operators
    return operator


@pytest.mark.parametrize("name", preset_names())
def test_flops_are_the_closed_form_and_all_is_known(name: str) -> None:
    """Which is what both counters say of the same presets in test_all_methods.py."""
    spec = load_fusion(name)
    dims = dims_of_preset(spec)
    module, inputs = spec.fusion.build(dims, "meta"), spec.fusion.example_inputs(dims, "meta")
    trace = trace_operators(module, inputs)
    assert trace.flops == spec.fusion.num_flops(dims)
    assert not trace.unknown
    assert trace.memory == peak_memory(module, inputs)


@pytest.mark.parametrize(("name", "index"), LAYERS)
@pytest.mark.parametrize("attention", ["math", "flash", "cpu"])
def test_flops_of_decoder_layers(name: str, index: int, attention: str) -> None:
    decoder = DECODERS[name]
    module = decoder.build_layer(index=index)
    x = torch.empty(2, 24, decoder.width, device="meta")
    trace = trace_operators(module, (x,), attention=attention)
    assert trace.flops == decoder.layer_flops(24, 24, 2, index=index)
    assert trace.flops == count_flops(module, (x,)).total
    assert trace.flops == count_flops_with_torch(module, (x,))[""]
    assert not trace.unknown


def test_flops_of_a_vision_layer() -> None:
    encoder = ENCODERS["clip-vit-l-14-336"]
    module, inputs = encoder.build(), encoder.example_inputs(24, 24)
    trace = trace_operators(module, inputs, dtype=torch.bfloat16)
    assert trace.flops == encoder.flops(24, 24)
    assert trace.flops == count_flops_with_torch(module, inputs)[""]
    kinds = {each.kind for each in trace.operators}
    assert kinds >= {"matmul", "attention", "convolution", "normalisation", "activation"}


def test_a_linear_layer() -> None:
    operator = only(traced(nn.Linear(8, 6), (2, 5, 8)))
    assert (operator.name, operator.kind) == ("addmm", "matmul")
    assert operator.flops == 2 * 10 * 8 * 6
    assert operator.read_bytes == 4 * (10 * 8 + 8 * 6 + 6)
    assert operator.weight_bytes == 4 * (8 * 6 + 6)
    assert operator.written_bytes == 4 * 10 * 6
    assert operator.product == Product(1, 10, 6, 8, operator.flops)
    assert operator.elements == 10 * 8


def test_a_linear_layer_in_half_the_bytes() -> None:
    whole = only(traced(nn.Linear(8, 6), (5, 8)))
    half = only(traced(nn.Linear(8, 6), (5, 8), dtype=torch.bfloat16))
    assert whole.moved_bytes == 2 * half.moved_bytes
    assert whole.flops == half.flops


def test_layer_norm() -> None:
    operator = only(traced(nn.LayerNorm(8), (2, 5, 8)))
    assert (operator.kind, operator.flops, operator.product) == ("normalisation", 0, None)
    assert operator.read_bytes == 4 * (80 + 2 * 8)
    assert operator.written_bytes == 4 * (80 + 2 * 10)  # mean and deviation of each row
    assert operator.elements == 80


def test_an_mlp() -> None:
    projector = built("mlp", vision_width=8, text_width=12, depth=2)
    first, activation, second = traced(projector, (5, 8)).operators
    assert first.moved_bytes == 4 * (5 * 8 + 8 * 12 + 12 + 5 * 12)
    assert (activation.name, activation.kind) == ("gelu", "activation")
    assert (activation.read_bytes, activation.written_bytes) == (4 * 5 * 12, 4 * 5 * 12)
    assert second.moved_bytes == 4 * (5 * 12 + 12 * 12 + 12 + 5 * 12)


@pytest.mark.parametrize("attention", ["flash", "cpu"])
def test_attention(attention: str) -> None:
    module = Run(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True))
    trace = traced(module, (2, 4, 5, 8), (2, 2, 7, 8), (2, 2, 7, 8), attention=attention)
    operator = only(trace)
    assert operator.kind == "attention"
    assert operator.flops == 2 * 2 * 2 * 4 * 5 * 7 * 8
    assert operator.read_bytes == 4 * 2 * (4 * 5 * 8 + 2 * 2 * 7 * 8)
    written = 4 * 2 * 4 * 5 * (8 + 1)  # a sum of exponents for each row besides
    assert written <= operator.written_bytes <= written + 2 * 16  # the state of no dropout
    assert operator.product == Product(8, 5, 7, 8, operator.flops)


def test_written_out_attention() -> None:
    module = Run(F.scaled_dot_product_attention)
    trace = traced(module, *[(2, 4, 5, 8)] * 3, attention="math")
    kinds = [each.kind for each in trace.operators]
    assert kinds.count("batched_matmul") == 2
    assert kinds.count("softmax") == 1
    assert trace.flops == 2 * 2 * 2 * 4 * 5 * 5 * 8


def test_a_convolution() -> None:
    operator = only(traced(nn.Conv2d(4, 6, 3, stride=2, groups=2), (2, 4, 9, 9)))
    assert operator.kind == "convolution"
    assert operator.flops == 2 * 2 * 16 * 6 * 2 * 9
    assert operator.read_bytes == 4 * (2 * 4 * 81 + 6 * 2 * 9 + 6)
    assert operator.written_bytes == 4 * 2 * 6 * 16
    assert operator.product == Product(2, 32, 3, 18, operator.flops, 9)


def test_a_transposed_convolution() -> None:
    operator = only(traced(nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), (2, 4, 5, 5)))
    assert operator.flops == 2 * 2 * 25 * 4 * 3 * 4
    assert operator.product == Product(2, 50, 3, 2 * 4, operator.flops, 4)
    assert operator.written_bytes == 4 * 2 * 6 * 100


@pytest.mark.parametrize(
    ("function", "shapes", "product"),
    [
        (torch.mv, [(3, 4), (4,)], (1, 3, 1, 4)),
        (torch.dot, [(4,), (4,)], (1, 1, 1, 4)),
        (torch.bmm, [(2, 3, 4), (2, 4, 5)], (2, 3, 5, 4)),
        (torch.addmv, [(3,), (3, 4), (4,)], (1, 3, 1, 4)),
        (torch.baddbmm, [(2, 3, 5), (2, 3, 4), (2, 4, 5)], (2, 3, 5, 4)),
        (torch.addbmm, [(3, 5), (2, 3, 4), (2, 4, 5)], (1, 3, 5, 8)),
    ],
)
def test_other_products(
    function: Callable[..., Any], shapes: list[tuple[int, ...]], product: tuple[int, ...]
) -> None:
    operator = only(traced(Run(function), *shapes))
    assert operator.product is not None
    assert operator.product[:4] == product
    assert operator.flops == operator.product.flops == 2 * prod(product)


def test_a_bilinear_layer() -> None:
    trace = traced(nn.Bilinear(4, 5, 3), (7, 4), (7, 5))
    assert trace.flops == 2 * 7 * 3 * 5 * (4 + 1)


def test_what_is_repeated_or_given_twice_is_read_once() -> None:
    repeated = Run(lambda x: x.expand(100, 5) + 1)
    operator = only(traced(repeated, (1, 5)))
    assert (operator.read_bytes, operator.written_bytes) == (4 * 5, 4 * 500)
    row = only(traced(Run(lambda x: x[:1].expand(100, 5) + 1), (4, 5)))
    assert row.read_bytes == 4 * 5
    assert only(traced(Run(lambda x: x * x), (3, 5))).read_bytes == 4 * 15
    halves = Run(lambda x: x[:2] * x[2:])
    assert only(traced(halves, (4, 5))).read_bytes == 4 * 20


def test_a_lookup_reads_what_it_returns() -> None:
    ids = torch.zeros(3, dtype=torch.long, device="meta")
    operator = only(trace_operators(nn.Embedding(1000, 8), (ids,)))
    assert operator.kind == "embedding"
    assert operator.read_bytes == 8 * 3 + 4 * 3 * 8
    assert operator.weight_bytes == operator.written_bytes == 4 * 3 * 8


def test_in_place_operators_read_and_write() -> None:
    operator = only(traced(Run(lambda x: x.view(-1).add_(1)), (3, 5)))
    assert (operator.name, operator.kind) == ("add_", "elementwise")
    assert (operator.read_bytes, operator.written_bytes) == (4 * 15, 4 * 15)


def test_views_and_reservations_are_no_operators() -> None:
    moved = Run(lambda x: torch.empty_like(x.view(-1).unsqueeze(0).transpose(0, 1).detach()))
    assert traced(moved, (3, 5)).operators == ()


def test_an_operator_of_no_known_kind_stands_out() -> None:
    trace = traced(Run(torch.cdist), (3, 4), (5, 4))
    assert trace.unknown
    assert operator_kind("_cdist_forward") == "other"


def test_a_backend_that_is_none() -> None:
    with pytest.raises(InputError, match="expected an attention backend"):
        traced(nn.Linear(8, 6), (5, 8), attention="flashy")


def test_what_only_lends_its_shape_is_not_read() -> None:
    operator = only(traced(Run(torch.zeros_like), (3, 5)))
    assert (operator.kind, operator.read_bytes, operator.written_bytes) == ("copy", 0, 4 * 15)


@pytest.mark.parametrize(
    ("tensor", "layout", "run"),
    [
        (torch.empty(2, 3, 4, 5), "contiguous", 4 * 120),
        (torch.empty(2, 3, 4, 5).to(memory_format=torch.channels_last), "channels_last", 4),
        (torch.empty(2, 20, 3).transpose(1, 2).unflatten(2, (4, 5)), "channels_last", 4),
        # torch gives a batch of one the stride of the channels here, and copies it in kernels.
        (torch.empty(1, 20, 3).transpose(1, 2).unflatten(2, (4, 5)), "strided", 4),
        (torch.empty(2, 7, 3, 8).transpose(1, 2), "strided", 4 * 8),
        (torch.empty(6, 4).t(), "strided", 4),
        (torch.empty(6, 8)[:, :4], "strided", 4 * 4),
    ],
)
def test_how_a_tensor_lies(tensor: Tensor, layout: str, run: int) -> None:
    assert (layout_of(tensor), run_bytes(tensor)) == (layout, run)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("channels_last", [False, True])
def test_kernels_choose_by_the_same_layout(batch: int, channels_last: bool) -> None:
    order = torch.channels_last if channels_last else torch.contiguous_format
    for image in (
        torch.randn(batch, 8, 4, 6).contiguous(memory_format=order),
        torch.randn(batch, 24, 8).transpose(1, 2).unflatten(2, (4, 6)),
    ):
        pooled = F.avg_pool2d(image, 2)
        kept = pooled.is_contiguous(memory_format=torch.channels_last)
        assert kept == (layout_of(image) == "channels_last")
