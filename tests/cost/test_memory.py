"""Peak memory: live bytes on meta against the CPU allocator's own trace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.functional import scaled_dot_product_attention

from tests.modules.helpers import built, built_layer
from vlcalc.core.errors import InputError
from vlcalc.cost.memory import dtype_named, peak_memory
from vlcalc.measurement.memory import traced_peak_bytes


class Attend(nn.Module):
    """Attention alone; its function was imported by name, so that a patch would not reach it."""

    def __init__(self, **options: bool) -> None:
        super().__init__()
        self.options = options

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        return scaled_dot_product_attention(q, k, v, attn_mask=mask, **self.options)


class Pool(nn.Module):
    """Average pooling of tokens (b, n, d) laid out as a grid, without copying them."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x.transpose(1, 2).unflatten(2, (24, 24)), 2)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def heads(number: int, length: int, width: int = 64) -> Tensor:
    return torch.randn(2, number, length, width)


EXACT = {
    "mlp": lambda: (
        built("mlp", vision_width=64, text_width=256, depth=2), (torch.randn(2, 576, 64),)),
    "perceiver": lambda: (
        built("perceiver", vision_width=128, depth=2, num_latents=16, num_heads=4, head_dim=32),
        (torch.randn(2, 300, 128),)),
    "perceiver with grouped queries": lambda: (
        built("perceiver", vision_width=128, depth=2, num_latents=16, num_heads=4, head_dim=32,
                           num_kv_heads=2, norm="rms", gated=True),
        (torch.randn(2, 300, 128),)),
    "q-former": lambda: (
        built("q_former", vision_width=96, width=64, depth=2, num_heads=4, text_width=128),
        (torch.randn(2, 300, 96),)),
    "gated block with a mask": lambda: (
        built_layer("gated_xattn_dense", text_width=128, vision_width=64, num_heads=4, head_dim=32),
        (torch.randn(2, 64, 128), torch.randn(2, 300, 64),
         torch.ones(2, 1, 64, 300, dtype=torch.bool))),
    "attention": lambda: (Attend(), (heads(4, 576), heads(4, 576), heads(4, 576))),
    "short attention": lambda: (Attend(), (heads(4, 20), heads(4, 30), heads(4, 30))),
    "long attention": lambda: (Attend(), (heads(1, 800), heads(1, 900), heads(1, 900))),
    "causal attention": lambda: (
        Attend(is_causal=True), (heads(4, 576), heads(4, 576), heads(4, 576))),
    "grouped attention": lambda: (
        Attend(enable_gqa=True), (heads(4, 576), heads(2, 576), heads(2, 576))),
    "masked attention": lambda: (
        Attend(), (heads(4, 100), heads(4, 300), heads(4, 300),
                   torch.ones(1, 1, 100, 300, dtype=torch.bool))),
    "1x1 convolution": lambda: (nn.Conv2d(16, 32, 1), (torch.randn(1, 16, 56, 56),)),
    "pooling": lambda: (nn.AdaptiveAvgPool2d(6), (torch.randn(2, 64, 24, 24),)),
}  # fmt: skip

# The allocator's trace is larger by what a kernel takes for itself, in bytes.
HIDDEN = {
    "mathematical attention: one scalar": (
        lambda: (Attend(), (heads(2, 90), heads(2, 90), heads(2, 90, 32))), 4),
    "convolution: its output in another layout": (
        lambda: (nn.Conv2d(16, 32, 3), (torch.randn(1, 16, 56, 56),)), 4 * 32 * 54 * 54),
    "bilinear resampling: its input in channels-last, and its output": (
        lambda: (nn.Upsample((12, 12), mode="bilinear"), (torch.randn(2, 64, 24, 24),)),
        4 * 2 * 64 * (24 * 24 + 12 * 12)),
    "pooling: a grid that is a transposed view, copied": (
        lambda: (Pool(), (torch.randn(1, 24 * 24, 64),)), 4 * 64 * 24 * 24),
}  # fmt: skip


@pytest.mark.parametrize("name", list(EXACT))
def test_prediction_is_the_allocators_peak(name: str) -> None:
    module, inputs = EXACT[name]()
    predicted = peak_memory(module, inputs, attention="cpu").peak_activation_bytes
    assert predicted == traced_peak_bytes(module, inputs)


@pytest.mark.parametrize("name", list(HIDDEN))
def test_what_a_kernel_hides_is_known(name: str) -> None:
    case, hidden_bytes = HIDDEN[name]
    module, inputs = case()
    predicted = peak_memory(module, inputs, attention="cpu").peak_activation_bytes
    assert predicted + hidden_bytes == traced_peak_bytes(module, inputs)


def test_weights_inputs_and_outputs_are_apart() -> None:
    memory = peak_memory(nn.Linear(8, 6), (torch.randn(5, 8),))
    assert memory.weight_bytes == 4 * (8 * 6 + 6)
    assert memory.input_bytes == 4 * 5 * 8
    assert memory.output_bytes == memory.peak_activation_bytes == 4 * 5 * 6
    assert memory.peak_bytes == 4 * (8 * 6 + 6 + 5 * 8 + 5 * 6)


def test_dtype_halves_what_is_floating_point() -> None:
    module, ids = nn.Embedding(10, 8), torch.zeros(3, dtype=torch.long)
    memory = peak_memory(module, (ids,), dtype=torch.bfloat16)
    assert (memory.weight_bytes, memory.input_bytes) == (2 * 80, 8 * 3)
    assert memory.peak_activation_bytes == 2 * 3 * 8


def test_flash_writes_no_scores_and_math_does() -> None:
    inputs = (heads(4, 576), heads(4, 576), heads(4, 576))
    out = 4 * 2 * 4 * 576 * 64
    scores = 4 * 2 * 4 * 576 * 576
    peaks = {
        name: peak_memory(Attend(), inputs, attention=name).peak_activation_bytes
        for name in ("math", "flash", "efficient")
    }
    state = 2 * 8  # seed and offset of the dropout that there is not
    assert peaks["efficient"] == out + state
    sums = 4 * 2 * 4 * 576  # their logarithms, one a row
    assert out + sums <= peaks["flash"] <= out + sums + 2 * state
    assert peaks["math"] > 2 * scores


def test_efficient_attention_repeats_shared_keys_and_flash_does_not() -> None:
    inputs = (heads(8, 64), heads(2, 512), heads(2, 512))
    grouped = Attend(enable_gqa=True)
    repeated = 2 * 4 * 2 * 8 * 512 * 64
    efficient = peak_memory(grouped, inputs, attention="efficient").peak_activation_bytes
    flash = peak_memory(grouped, inputs, attention="flash").peak_activation_bytes
    assert efficient >= repeated
    assert flash < repeated


def test_flash_takes_no_mask() -> None:
    mask = torch.ones(1, 1, 100, 96, dtype=torch.bool)
    inputs = (heads(4, 100), heads(4, 96), heads(4, 96), mask)
    flash = peak_memory(Attend(), inputs, attention="flash")
    assert flash == peak_memory(Attend(), inputs, attention="efficient")


def test_attention_is_as_before_afterwards() -> None:
    inputs = (heads(4, 30), heads(4, 30), heads(4, 30))
    before = F.scaled_dot_product_attention(*inputs)
    peak_memory(Attend(), inputs, attention="math")
    assert torch.equal(F.scaled_dot_product_attention(*inputs), before)


def test_unknown_names() -> None:
    with pytest.raises(InputError, match=r"an attention backend: `math`.*did you mean `flash`\?"):
        peak_memory(Attend(), (heads(1, 4),) * 3, attention="flesh")
    with pytest.raises(InputError, match=r"--dtype: expected a dtype.*`float8x`.*mean `float"):
        dtype_named("float8x", where="--dtype")
