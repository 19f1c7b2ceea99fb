"""The worked examples of the articles, with their true values."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vlcalc.modules.late import contrastive_loss  # noqa: E402

from .helpers import built, built_layer, num_params, read_json  # noqa: E402

WORKED: dict[str, Any] = read_json("reference_modules.json")["worked_examples"]


def set_weight(layer: Any, weight: Any) -> None:
    with torch.no_grad():
        layer.weight.copy_(weight)
        if layer.bias is not None:
            layer.bias.zero_()


def test_cross_attention() -> None:
    """Two text tokens, three image tokens: the rows are 0.4011, 0.1978, 0.4011."""
    example = WORKED["004 cross-attention example"]
    keys = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    values = torch.tensor([[0.5, 0.3], [0.1, 0.8], [0.9, 0.2]])
    assert (torch.eye(2) @ keys.T).tolist() == example["QKt"]
    module = built_layer(
        "cross_attention", text_width=2, vision_width=3, num_heads=1, out_bias=False
    )
    set_weight(module.attention.query, torch.eye(2))
    set_weight(module.attention.key, keys.T)
    set_weight(module.attention.value, values.T)
    set_weight(module.attention.output, torch.eye(2))
    fused = module(torch.eye(2)[None], torch.eye(3)[None])
    assert fused[0].tolist() == [pytest.approx(row, abs=1e-6) for row in example["output"]]


def test_softmax_rows_are_not_what_the_article_prints() -> None:
    example = WORKED["004 cross-attention example"]
    rows = torch.tensor(example["QKt"]).div(2**0.5).softmax(-1)
    assert rows.tolist() == [pytest.approx(row, abs=1e-6) for row in example["softmax"]]
    assert [round(share, 4) for share in rows[0].tolist()] == [0.4011, 0.1978, 0.4011]
    assert rows[0].sum().item() == pytest.approx(1.0)
    assert sum(example["claimed_row1"]) == pytest.approx(example["claimed_sum"])


def test_contrastive_losses() -> None:
    example = WORKED["004 contrastive example"]
    logits = torch.tensor([[9.0, 2.0, 1.0], [3.0, 8.0, 2.0], [1.0, 1.0, 7.0]], dtype=torch.double)
    pairs = torch.arange(3)
    to_text = torch.nn.functional.cross_entropy(logits, pairs, reduction="none")
    to_image = torch.nn.functional.cross_entropy(logits.T, pairs, reduction="none")
    assert to_text.tolist() == pytest.approx(example["losses_i2t"])
    assert to_image.tolist() == pytest.approx(example["losses_t2i"])
    assert contrastive_loss(logits).item() == pytest.approx(example["symmetric"])


def test_tanh_add_of_6_and_4_into_4() -> None:
    module = built("tanh_add", vision_width=6, text_width=4, hidden_width=4)
    assert num_params(module) == WORKED["000 fold"]["original_params"]
    assert module(torch.randn(6), torch.randn(4)).shape == (4,)


def test_tanh_add_saturates_where_relu_forgets() -> None:
    """+0.5 and -0.5 cancel; -0.5 and -0.5 leave a strong negative signal."""
    module = built("tanh_add", vision_width=2, text_width=2, hidden_width=2)
    for layer in (module.vision_project, module.text_project, module.output):
        set_weight(layer, torch.eye(2))
    fused = module(torch.tensor([0.5, -0.5]), torch.tensor([-0.5, -0.5]))
    example = WORKED["000 tanh vs relu"]
    assert fused.tolist() == pytest.approx([example["tanh_of_0"], example["tanh_of_minus1"]])


def test_without_tanh_it_folds_into_one_linear_map() -> None:
    torch.manual_seed(0)
    module = built("tanh_add", vision_width=6, text_width=4, hidden_width=4)
    visual, text = torch.randn(6), torch.randn(4)
    joint = module.vision_project(visual) + module.text_project(text)
    unfolded = module.output(joint)
    halves = [module.vision_project.weight, module.text_project.weight]
    folded = torch.nn.Linear(10, 4)
    bias = module.vision_project.bias + module.text_project.bias
    with torch.no_grad():
        folded.weight.copy_(module.output.weight @ torch.cat(halves, dim=1))
        folded.bias.copy_(module.output(bias))
    assert num_params(folded) == WORKED["000 fold"]["folded_params"]
    assert torch.allclose(folded(torch.cat([visual, text])), unfolded, atol=1e-6)


def test_concatenation_head() -> None:
    """One number from two vectors: w . [v; t] + b."""
    head = built("concat_head", vision_width=2, text_width=2)
    set_weight(head.decide, torch.tensor([[0.5, -1.0, 0.25, 2.0]]))
    decided = head(torch.tensor([[0.6, 0.1]]), torch.tensor([[0.12, 0.3]]))
    assert decided.item() == pytest.approx(0.3 - 0.1 + 0.03 + 0.6)
