"""Gates that start at zero change nothing, to the bit; masks hide what they should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vlcalc.modules.cross_attention import image_mask  # noqa: E402
from vlcalc.modules.primitives import TanhGate  # noqa: E402

from .helpers import built, built_layer, randomise  # noqa: E402

BOTH: dict[str, Any] = {"text_width": 24, "vision_width": 16}
GATED: dict[str, Callable[[], Any]] = {
    "one-gate": lambda: built_layer("gated_cross_attention", **BOTH, num_heads=4),
    "one-gate-stack": lambda: built(
        "gated_cross_attention", **BOTH, num_heads=4, every=8, project=True
    ),
    "flamingo": lambda: built_layer("gated_xattn_dense", **BOTH, activation="squared_relu"),
    "open-flamingo": lambda: built_layer("gated_xattn_dense", **BOTH),
    "idefics": lambda: built_layer(
        "gated_xattn_dense",
        **BOTH,
        gated=True,
        norm="rms",
        qk_norm="rms",
        activation="silu",
        vector_gates=True,
    ),
    "llama-3.2": lambda: built(
        "gated_xattn_dense",
        **BOTH,
        project=True,
        text_depth=3,
        every=1,
        num_heads=4,
        num_kv_heads=2,
        gated=True,
        norm="rms",
        qk_norm="rms",
        silence="feed_forward",
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", GATED)
def test_identity_at_initialisation(name: str, dtype: Any) -> None:
    torch.manual_seed(0)
    block = GATED[name]().to(dtype)
    text, visual = torch.randn(2, 7, 24, dtype=dtype), torch.randn(2, 9, 16, dtype=dtype)
    assert torch.equal(block(text, visual), text)


@pytest.mark.parametrize("name", GATED)
def test_open_gates_let_the_image_in(name: str) -> None:
    block = randomise(GATED[name]())
    text, visual = torch.randn(2, 7, 24), torch.randn(2, 9, 16)
    assert not torch.allclose(block(text, visual), block(text, visual.flip(0)))


@pytest.mark.parametrize(("alpha", "printed"), [(0.0, 0.0), (1.0, 0.7616), (1.5, 0.9051)])
def test_gate_values(alpha: float, printed: float) -> None:
    gate = TanhGate()
    torch.nn.init.constant_(gate.alpha, alpha)
    assert round(gate(torch.ones(1)).item(), 4) == printed


def test_text_sees_the_latest_image_alone() -> None:
    markers = torch.tensor([[False, True, False, True, False]])
    mask = image_mask(markers, num_images=2, tokens_per_image=3)
    first, second = [True] * 3 + [False] * 3, [False] * 3 + [True] * 3
    assert mask[0, 0].tolist() == [[False] * 6, first, first, second, second]


def test_text_sees_all_images_before_it() -> None:
    markers = torch.tensor([[False, True, False, True, False]])
    mask = image_mask(markers, num_images=2, tokens_per_image=1, only_latest=False)
    nothing, one, two = [False, False], [True, False], [True, True]
    assert mask[0, 0].tolist() == [nothing, one, one, two, two]


def test_masked_image_has_no_influence() -> None:
    block = randomise(built_layer("gated_xattn_dense", **BOTH))
    text, visual = torch.randn(1, 5, 24), torch.randn(1, 6, 16)
    markers = torch.tensor([[False, True, False, True, False]])
    mask = image_mask(markers, num_images=2, tokens_per_image=3)
    changed = visual.clone()
    changed[:, 3:] += 1.0  # the second image
    before, after = block(text, visual, mask), block(text, changed, mask)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3:], after[:, 3:])


@pytest.mark.parametrize("silence", ["attention", "feed_forward"])
def test_text_before_any_image_is_silenced_and_finite(silence: Any) -> None:
    block = randomise(built_layer("gated_xattn_dense", **BOTH, silence=silence))
    text, visual = torch.randn(1, 3, 24), torch.randn(1, 4, 16)
    mask = torch.tensor([False, True, True])[None, None, :, None].expand(1, 1, 3, 4)
    fused = block(text, visual, mask)
    assert torch.isfinite(fused).all()
    same_as_blank = torch.allclose(fused[:, 0], block(text, visual + 1.0, mask)[:, 0])
    # Llama 3.2 still adds the mean of all values there; it is the feed-forward that it drops.
    assert same_as_blank is (silence == "attention")
