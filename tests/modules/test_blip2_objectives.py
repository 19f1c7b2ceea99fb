"""BLIP-2's three objectives: who sees whom, hard negatives, losses that a model can lower."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vlcalc.core.errors import InputError  # noqa: E402
from vlcalc.modules.blip2_objectives import hard_negatives, objective_mask  # noqa: E402

from .helpers import built, num_flops, randomise  # noqa: E402


def small() -> Any:
    return built(
        "blip2_objectives",
        vision_width=16,
        width=24,
        depth=3,
        num_heads=2,
        num_queries=4,
        hidden_width=32,
        vocab_size=20,
        max_positions=12,
        contrastive_width=8,
    )


def batch(size: int = 5) -> tuple[Any, Any]:
    return torch.randn(size, 9, 16), torch.randint(20, (size, 6))


def test_masks() -> None:
    sizes = {"num_queries": 2, "num_text": 2}
    contrastive = objective_mask("contrastive", **sizes).int().tolist()
    matching = objective_mask("matching", **sizes).int().tolist()
    captioning = objective_mask("captioning", **sizes).int().tolist()
    assert contrastive == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert matching == [[1, 1, 1, 1]] * 4
    assert captioning == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]


def test_contrastive_mask_is_two_passes_in_one() -> None:
    torch.manual_seed(0)
    qformer = randomise(small()).qformer
    x, ids = batch()
    mask = objective_mask("contrastive", num_queries=4, num_text=6)
    joint = qformer.encode(x, ids, mask)
    assert torch.allclose(joint[:, :4], qformer.encode(x), atol=1e-5)
    assert torch.allclose(joint[:, 4:], qformer.encode_text(ids), atol=1e-5)


def test_captioning_mask_hides_the_future() -> None:
    torch.manual_seed(0)
    qformer = randomise(small()).qformer
    x, ids = batch()
    mask = objective_mask("captioning", num_queries=4, num_text=6)
    before = qformer.encode(x, ids, mask)
    changed = ids.clone()
    changed[:, 4] = (ids[:, 4] + 1) % 20
    after = qformer.encode(x, changed, mask)
    assert torch.allclose(before[:, :8], after[:, :8], atol=1e-5)
    assert not torch.allclose(before[:, 8:], after[:, 8:], atol=1e-2)


def test_text_alone_needs_the_text_branch() -> None:
    with pytest.raises(RuntimeError, match="without its text branch"):
        built("q_former", vision_width=16, width=24, depth=1, num_heads=2).encode_text(batch()[1])


def test_hard_negatives_are_never_the_pair_and_mostly_the_nearest() -> None:
    torch.manual_seed(0)
    similarities = torch.eye(6) * 50 + torch.eye(6).roll(1, dims=1) * 20
    drawn = torch.stack([hard_negatives(similarities) for _ in range(50)])
    assert not (drawn == torch.arange(6)).any()
    # The pair itself takes all of the softmax: what is left for the others is equal.
    nearest = torch.stack([hard_negatives(similarities - 1e3 * torch.eye(6)) for _ in range(50)])
    assert (nearest == (torch.arange(6) + 1) % 6).float().mean() > 0.99


def test_losses() -> None:
    torch.manual_seed(0)
    model = small()
    losses = model(*batch())
    chance = (math.log(5), math.log(2), math.log(20))
    for loss, guess in zip(losses, chance, strict=True):
        assert loss.shape == ()
        assert 0.5 * guess < loss.item() < 3 * guess
    sum(losses).backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_matching_calls_the_first_third_pairs() -> None:
    """A head that says "match" to everything is wrong about two of three."""
    torch.manual_seed(0)
    model = small()
    torch.nn.init.zeros_(model.matching_head.weight)
    with torch.no_grad():
        model.matching_head.bias.copy_(torch.tensor([0.0, 30.0]))
    assert model(*batch()).matching.item() == pytest.approx(20.0)


def test_captioning_predicts_the_next_word() -> None:
    torch.manual_seed(0)
    model = small()
    x, ids = batch(1)
    mask = objective_mask("captioning", num_queries=4, num_text=6)
    hidden = model.qformer.encode(x, ids, mask)[0, 4:]
    scores = model.caption_head(hidden, model.qformer.word_embeddings()).log_softmax(-1)
    smoothed = [
        -0.9 * scores[position, ids[0, position + 1]] - 0.1 * scores[position].mean()
        for position in range(5)
    ]
    expected = (sum(smoothed) / 5).item()
    assert model._captioning_loss(x, ids).item() == pytest.approx(expected, rel=1e-4)


def test_a_single_pair_has_no_negatives() -> None:
    with pytest.raises(InputError, match="a batch of 2 or more pairs, got 1"):
        small()(*batch(1))


def test_similarities_are_n_by_n_and_transposed() -> None:
    torch.manual_seed(0)
    to_text, to_image = small().similarities(*batch(7))
    assert to_text.shape == to_image.shape == (7, 7)
    assert torch.equal(to_text, to_image.T)


def test_on_meta_it_is_counted() -> None:
    with torch.device("meta"):
        model = small()
        x, ids = batch(4)
        twice = batch(8)
    # Everything is linear in the batch but the similarities: b x b x queries x width, 2 FLOPs each.
    once, both = num_flops(model, x, ids), num_flops(model, *twice)
    assert both - 2 * once == 2 * 4 * 8 * (8 * 8 - 2 * 4 * 4)
